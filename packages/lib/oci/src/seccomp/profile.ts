import { release } from 'node:os';
import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxSeccomp } from '../runtime-seccomp';
import defaultProfile from './default-profile.json';

interface Condition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  readonly minKernel?: string;
}

interface Rule {
  readonly names?: readonly string[];
  readonly name?: string;
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly { readonly index: number; readonly value: number; readonly valueTwo?: number; readonly op: string }[] | null;
  readonly includes?: Condition;
  readonly excludes?: Condition;
}

/** A profile as docker's users write it: OCI's fields, and conditions on capabilities, architecture and kernel. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null }[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly Rule[] | null;
}

/** Node's process.arch → docker's word in conditions, and the seccomp architecture. */
const architectures: Readonly<Record<string, { readonly word: string; readonly seccomp: string }>> = {
  x64: { word: 'amd64', seccomp: 'SCMP_ARCH_X86_64' },
  arm64: { word: 'arm64', seccomp: 'SCMP_ARCH_AARCH64' },
};

/** The profile of a JSON text. Throws invalidArgument. */
export function parseSeccompProfile(text: string): SeccompProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidArgument(`Decoding seccomp profile failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== 'object' || value === null || typeof (value as SeccompProfile).defaultAction !== 'string') {
    throw invalidArgument('Decoding seccomp profile failed: defaultAction is missing');
  }
  const profile = value as SeccompProfile;
  if ((profile.architectures?.length ?? 0) > 0 && (profile.archMap?.length ?? 0) > 0) {
    throw invalidArgument(
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  if ((profile.syscalls ?? []).some(({ name, names }) => name !== undefined && name !== '' && (names?.length ?? 0) > 0)) {
    throw invalidArgument("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
  }
  return profile;
}

/** What the profile means for one container: conditions decided, OCI's fields only. */
export function compileSeccomp(
  profile: SeccompProfile,
  capabilities: readonly string[],
  arch: string = process.arch,
  kernel: string = release(),
): LinuxSeccomp {
  const host = architectures[arch];
  const holds = (condition: Condition | undefined, every: boolean): boolean[] => {
    const answers: boolean[] = [];
    if (condition?.arches !== undefined && condition.arches.length > 0) answers.push(condition.arches.includes(host?.word ?? arch));
    if (condition?.caps !== undefined && condition.caps.length > 0) {
      answers.push(
        every ? condition.caps.every((cap) => capabilities.includes(cap)) : condition.caps.some((cap) => capabilities.includes(cap)),
      );
    }
    if (condition?.minKernel !== undefined && condition.minKernel !== '') answers.push(kernelAtLeast(kernel, condition.minKernel));
    return answers;
  };
  const mapped = (profile.archMap ?? []).find((entry) => entry.architecture === host?.seccomp);
  const named = profile.architectures ?? (mapped === undefined ? [] : [mapped.architecture, ...(mapped.subArchitectures ?? [])]);

  const syscalls = (profile.syscalls ?? [])
    .filter((rule) => holds(rule.includes, true).every(Boolean) && !holds(rule.excludes, false).some(Boolean))
    .map((rule) => {
      const names = rule.name !== undefined && rule.name !== '' ? [rule.name] : [...(rule.names ?? [])];
      if (names.length === 0) throw invalidArgument('seccomp profile: a rule names no system call');
      return {
        names,
        action: rule.action,
        ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
        ...(rule.args === undefined || rule.args === null || rule.args.length === 0 ? {} : { args: rule.args.map((arg) => ({ ...arg })) }),
      };
    });
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(named.length === 0 ? {} : { architectures: [...named] }),
    ...(profile.flags === undefined ? {} : { flags: [...profile.flags] }),
    ...(profile.listenerPath === undefined ? {} : { listenerPath: profile.listenerPath }),
    ...(profile.listenerMetadata === undefined ? {} : { listenerMetadata: profile.listenerMetadata }),
    syscalls,
  } as LinuxSeccomp;
}

function kernelAtLeast(kernel: string, minimum: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [wantMajor = 0, wantMinor = 0] = minimum.split('.').map(Number);
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

/** Docker's default profile. */
export function defaultSeccompProfile(): SeccompProfile {
  return defaultProfile as SeccompProfile;
}
