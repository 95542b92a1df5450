import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { DEFAULT_PROFILE, defaultProfile, guardsByDefault, hasAppArmor } from '@gantry/oci/apparmor';
import { parseSecurityOptions } from '@gantry/spec';

type Asked = Pick<HostConfig, 'SecurityOpt' | 'Privileged'>;

const UNCONFINED = 'unconfined';
const askedProfile = ({ SecurityOpt, Privileged }: Asked): string | undefined =>
  parseSecurityOptions(SecurityOpt).apparmor ?? (Privileged ? UNCONFINED : undefined);

/** As inspect tells it: empty where the host has no AppArmor, or none by default. */
export const shownProfile = (host: Asked): string =>
  hasAppArmor() ? (askedProfile(host) ?? (guardsByDefault() ? DEFAULT_PROFILE : '')) : '';

/** The profile that a container's processes are put under; undefined: none. The default one is loaded when it has gone. */
export async function profileOf(host: Asked): Promise<string | undefined> {
  const asked = askedProfile(host);
  return asked === UNCONFINED ? undefined : (asked ?? (await defaultProfile()));
}
