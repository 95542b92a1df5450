import type { LinuxSeccomp, SeccompSyscall } from '../runtime-seccomp';
import { defaultSeccompRules, type DefaultRule } from './seccomp-rules';

export interface SeccompHost {
  /** The container's capabilities (its bounding set). */
  readonly caps: readonly string[];
  /** Go's or Node's name: amd64, x64, arm64. */
  readonly arch: string;
  /** As uname -r tells: 6.1.0-18-amd64. Unknown: taken as new. */
  readonly kernel?: string;
}

const subArchitectures: Readonly<Record<string, readonly string[]>> = {
  amd64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

const EPERM = 1;

/** Docker's default filter, resolved for a container's capabilities, the processor and the kernel. */
export function dockerDefaultSeccomp(host: SeccompHost): LinuxSeccomp {
  const arch = host.arch === 'x64' || host.arch === 'x86_64' ? 'amd64' : host.arch === 'aarch64' ? 'arm64' : host.arch;
  const [major = Infinity, minor = 0] =
    /^(\d+)\.(\d+)/
      .exec(host.kernel ?? '')
      ?.slice(1)
      .map(Number) ?? [];
  const holds = (rule: DefaultRule): boolean =>
    (rule.caps ?? []).every((cap) => host.caps.includes(cap)) &&
    !(rule.withoutCaps ?? []).some((cap) => host.caps.includes(cap)) &&
    (rule.arches === undefined || rule.arches.includes(arch)) &&
    !(rule.withoutArches ?? []).includes(arch) &&
    (rule.kernel === undefined || major > rule.kernel[0] || (major === rule.kernel[0] && minor >= rule.kernel[1]));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [...(subArchitectures[arch] ?? [])],
    syscalls: defaultSeccompRules.filter(holds).map(resolve),
  };
}

function resolve(rule: DefaultRule): SeccompSyscall {
  return {
    names: rule.names.split(/\s+/),
    action: rule.action ?? 'SCMP_ACT_ALLOW',
    ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
    ...(rule.args ? { args: rule.args.map((arg) => ({ ...arg })) } : {}),
  };
}
