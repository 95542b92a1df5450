import { invalidArgument } from '@gantry/rpc';
import { hasAppArmor } from '@gantry/oci/apparmor';
import { parseLandlock } from '@gantry/oci/landlock';
import { parseSeccompProfile, type SeccompProfile } from '@gantry/oci/seccomp';

export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** The default profile, none, or one given as JSON. */
  readonly seccomp: 'default' | 'unconfined' | SeccompProfile;
  /** Name of a profile that the host has loaded, or `unconfined`; undefined: none is asked for. */
  readonly apparmor: string | undefined;
  /** `systempaths=unconfined`: nothing masked, nothing read-only. */
  readonly systemPathsUnconfined: boolean;
  /** Whether the cgroup file system may be written to; undefined: a privileged container may. */
  readonly writableCgroups: boolean | undefined;
  /** Rules of the kernel's Landlock, as the annotation has them; empty: none. */
  readonly landlock: string;
}

/** Reads HostConfig.SecurityOpt. Throws invalidArgument that names the option. */
export function parseSecurityOptions(options: readonly string[], kernelHasAppArmor: () => boolean = hasAppArmor): SecurityOptions {
  let noNewPrivileges = false;
  let seccomp: SecurityOptions['seccomp'] = 'default';
  let apparmor: string | undefined;
  let systemPathsUnconfined = false;
  let writableCgroups: boolean | undefined;
  const landlock: string[] = [];
  for (const option of options) {
    if (option === 'no-new-privileges') {
      noNewPrivileges = true;
      continue;
    }
    if (option === 'writable-cgroups') {
      writableCgroups = true;
      continue;
    }
    if (option === 'disable') continue; // label:disable in its oldest spelling: nothing is labelled here
    const separator = option.includes('=') ? '=' : ':';
    const at = option.indexOf(separator);
    if (at < 0) throw invalidArgument(`invalid --security-opt 1: "${option}"`);
    const [name, value] = [option.slice(0, at), option.slice(at + 1)];
    switch (name) {
      case 'no-new-privileges':
        noNewPrivileges = truth(value, option);
        break;
      case 'seccomp':
        seccomp =
          value === 'unconfined' ? 'unconfined' : value === 'builtin' || value === 'default' ? 'default' : parseSeccompProfile(value);
        break;
      case 'apparmor':
        if (value !== 'unconfined' && value !== '' && !kernelHasAppArmor())
          throw invalidArgument(`invalid --security-opt: "${option}": AppArmor is not enabled on this host`);
        apparmor = value === '' ? undefined : value;
        break;
      case 'label':
        if (value !== 'disable') throw invalidArgument(`invalid --security-opt: "${option}": SELinux labels are not supported`);
        break;
      case 'systempaths':
        if (value !== 'unconfined') throw invalidArgument(`invalid --security-opt 2: "${option}"`);
        systemPathsUnconfined = true;
        break;
      case 'writable-cgroups':
        writableCgroups = truth(value, option);
        break;
      case 'landlock':
        parseLandlock(value);
        landlock.push(value);
        break;
      default:
        throw invalidArgument(`invalid --security-opt 2: "${option}"`);
    }
  }
  return { noNewPrivileges, seccomp, apparmor, systemPathsUnconfined, writableCgroups, landlock: landlock.join(',') };
}

/** Go's spellings of true and false, which clients send. */
function truth(value: string, option: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw invalidArgument(`invalid --security-opt 2: "${option}"`);
}
