import { type LinuxContainerSecurityContext, type SecurityProfile, SecurityProfile_ProfileType } from '@gantry/api/runtime/v1/api';
import { DEFAULT_PROFILE, defaultProfile, loadedProfiles } from '@gantry/oci/apparmor';
import { unknown } from '../failures';

/** Names of the profiles that the kernel has, with one to fall back on among them; undefined: it has no AppArmor. */
export async function knownProfiles(): Promise<ReadonlySet<string> | undefined> {
  const loaded = await loadedProfiles();
  if (loaded === undefined || DEFAULTS.some((name) => loaded.has(name))) return loaded;
  const made = await defaultProfile();
  return made === undefined ? loaded : new Set([...loaded, made]);
}

/**
 * The profile that a container's process is under; undefined: none. The default is a profile that the host has loaded by containerd's or docker's name of
 * it, where it has one. Throws unknown in containerd's words.
 */
export function apparmorOf(
  security: Pick<LinuxContainerSecurityContext, 'apparmor' | 'apparmorProfile' | 'privileged'> | undefined,
  loaded: ReadonlySet<string> | undefined,
): string | undefined {
  const asked = security?.apparmor ?? profileNamed(security?.apparmorProfile ?? '');
  const { Unconfined, Localhost, RuntimeDefault } = SecurityProfile_ProfileType;
  if (loaded === undefined) {
    if (asked !== undefined && asked.profileType !== Unconfined) throw unknown('apparmor is not supported');
    return undefined;
  }
  const type = asked?.profileType ?? RuntimeDefault;
  if (type === Unconfined) return undefined;
  if (type === RuntimeDefault) return security?.privileged === true ? undefined : DEFAULTS.find((name) => loaded.has(name));
  if (type !== Localhost) throw unknown(`apparmor profile_type ${String(type)} is not known`);
  const name = asked?.localhostRef.replace(/^localhost\//, '') ?? '';
  if (!loaded.has(name)) throw unknown(`apparmor profile not found ${name}`);
  return name;
}

const DEFAULTS = ['cri-containerd.apparmor.d', DEFAULT_PROFILE];

/** As older kubelets say it. */
function profileNamed(text: string): SecurityProfile | undefined {
  if (text === '') return undefined;
  if (text === 'unconfined') return { profileType: SecurityProfile_ProfileType.Unconfined, localhostRef: '' };
  if (text === 'runtime/default') return { profileType: SecurityProfile_ProfileType.RuntimeDefault, localhostRef: '' };
  if (!text.startsWith('localhost/')) throw unknown(`invalid security profile "${text}"`);
  return { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: text };
}
