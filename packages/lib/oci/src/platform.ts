import { invalidArgument } from '@gantry/rpc/errors';

export interface Platform {
  architecture: string;
  os: string;
  'os.version'?: string;
  'os.features'?: string[];
  variant?: string;
}

const architectures: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  i386: ['386'],
  i686: ['386'],
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  x64: ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};

/** Canonical names: x86_64 → amd64, arm64/v8 → arm64, arm → arm/v7, amd64/v1 → amd64. */
export function normalizePlatform(platform: Platform): Platform {
  const given = platform.architecture.toLowerCase();
  const alias = Object.hasOwn(architectures, given) ? architectures[given] : undefined;
  const architecture = alias?.[0] ?? given;
  const variant = canonicalVariant(architecture, alias?.[1] ?? platform.variant?.toLowerCase() ?? '');
  const { variant: _variant, ...rest } = platform;
  const os = platform.os.toLowerCase() === 'macos' ? 'darwin' : platform.os.toLowerCase();
  return { ...rest, os, architecture, ...(variant === '' ? {} : { variant }) };
}

function canonicalVariant(architecture: string, variant: string): string {
  const spelled = /^\d+$/.test(variant) ? `v${variant}` : variant;
  if (architecture === 'arm64' && (spelled === 'v8' || spelled === 'v8.0')) return '';
  if (architecture === 'amd64' && spelled === 'v1') return '';
  if (architecture === 'arm' && spelled === '') return 'v7';
  return spelled;
}

const SYSTEM = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$/;
const PART = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
// Both as the original shows them.
const SYSTEM_FORM = JSON.stringify(String.raw`^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$`);
const PART_FORM = JSON.stringify('^[A-Za-z0-9_.-]+$');

/** `linux/amd64`, `linux/arm/v7`, `windows(10.0.17763)/amd64`, or an architecture or system alone; the rest is the host's. Throws invalidArgument. */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const [system = '', second, variant, ...more] = text.split('/');
  if (more.length > 0) throw invalidArgument(`"${text}": cannot parse platform specifier: invalid argument`);
  const [, first = '', version = ''] = SYSTEM.exec(system) ?? [];
  if (first === '')
    throw invalidArgument(
      `"${system}" is an invalid OS component of "${text}": OSAndVersion specifier component must match ${SYSTEM_FORM}: invalid argument`,
    );
  const wrong = [second, variant].find((part) => part !== undefined && !PART.test(part));
  if (wrong !== undefined)
    throw invalidArgument(
      `"${wrong}" is an invalid component of "${text}": platform specifier component must match ${PART_FORM}: invalid argument`,
    );
  if (second !== undefined) {
    const rest = { ...(variant === undefined ? {} : { variant }), ...(version === '' ? {} : { 'os.version': version }) };
    return normalizePlatform({ os: first, architecture: second, ...rest });
  }
  if (/^(linux|windows|darwin|macos|freebsd)$/i.test(first)) return normalizePlatform({ ...host, os: first });
  const known = normalizePlatform({ os: host.os, architecture: first });
  if (!/^(386|amd64|arm|arm64|ppc64le|riscv64|s390x|loong64|mips64le)$/.test(known.architecture))
    throw invalidArgument(`"${text}": unknown operating system or architecture: invalid argument`);
  return known;
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = normalizePlatform(platform);
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** The machine that this process runs on. */
export function hostPlatform(): Platform {
  const names: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', ia32: '386' };
  return normalizePlatform({ os: process.platform, architecture: names[process.arch] ?? process.arch });
}

/** Platforms that a machine runs, best first: arm64 runs arm as well, a newer arm runs the older ones, amd64 runs 386. */
export function runnable(host: Platform): Platform[] {
  const { os, architecture, variant } = normalizePlatform(host);
  const own: Platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const arm = (newest: number): Platform[] =>
    Array.from({ length: newest - 4 }, (_, i) => ({ os, architecture: 'arm', variant: `v${newest - i}` }));
  if (architecture === 'arm64') return [own, ...arm(8)];
  if (architecture === 'arm') return arm(Number(/^v([5-8])/.exec(variant ?? 'v7')?.[1] ?? 7));
  if (architecture === 'amd64') return [own, ...(variant === undefined ? [] : [{ os, architecture }]), { os, architecture: '386' }];
  return [own];
}

/** Same system, architecture and variant after normalising. */
export function platformEquals(a: Platform, b: Platform): boolean {
  return formatPlatform(a) === formatPlatform(b);
}

/** The candidate that suits the host best; undefined when none runs there. Candidates without a platform suit only when nothing else does. */
export function selectPlatform<T extends { readonly platform?: Platform }>(candidates: readonly T[], host: Platform): T | undefined {
  for (const wanted of runnable(host)) {
    const found = candidates.find(({ platform }) => platform !== undefined && platformEquals(platform, wanted));
    if (found !== undefined) return found;
  }
  return candidates.find(({ platform }) => platform === undefined);
}
