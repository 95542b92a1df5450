import { hostAmd64Level, formatPlatform, hostPlatform, normalizePlatform, type Platform, platformEquals, runnable } from '@gantry/oci';
import { failedPrecondition } from '@gantry/rpc';
import type { StepMount } from '../executor';
import { type ElfMachine, type Emulator, readEmulators } from './binfmt';

const little = (bits: 32 | 64, number: number): ElfMachine => ({ bits, number, bigEndian: false });

/** Architectures as platforms name them: what their programs say of themselves, and what Debian's emulator is called. */
const ARCHITECTURES: Readonly<Record<string, { readonly machine: ElfMachine; readonly qemu: string }>> = {
  amd64: { machine: little(64, 62), qemu: 'x86_64' },
  arm64: { machine: little(64, 183), qemu: 'aarch64' },
  arm: { machine: little(32, 40), qemu: 'arm' },
  '386': { machine: little(32, 3), qemu: 'i386' },
  riscv64: { machine: little(64, 243), qemu: 'riscv64' },
  ppc64le: { machine: little(64, 21), qemu: 'ppc64le' },
  s390x: { machine: { bits: 64, number: 22, bigEndian: true }, qemu: 's390x' },
  mips64le: { machine: little(64, 8), qemu: 'mips64el' },
  loong64: { machine: little(64, 258), qemu: 'loongarch64' },
};

/** What a machine is asked about. */
export interface Machine {
  readonly host: Platform;
  readonly amd64Level: () => Promise<number>;
  readonly emulators: () => Promise<readonly Emulator[]>;
}

const NONE: Emulation = { mounts: [] };

const thisMachine: Machine = { host: hostPlatform(), amd64Level: hostAmd64Level, emulators: () => readEmulators() };

/** Platforms whose steps run here, the machine's own first, then those that an emulator is registered for. */
export async function supportedPlatforms(machine: Machine = thisMachine): Promise<Platform[]> {
  const own = runnable(machine.host);
  const emulators = await machine.emulators();
  const emulated = Object.keys(ARCHITECTURES).filter(
    (architecture) => !own.some((each) => each.architecture === architecture) && emulatorOf(emulators, architecture) !== undefined,
  );
  const more = emulated.map((architecture) => normalizePlatform({ os: machine.host.os, architecture }));
  return [...own, ...(await ownLevels(machine)), ...more];
}

/** What steps of a platform need. */
export interface Emulation {
  /** An emulator that the kernel does not hold open. */
  readonly mounts: readonly StepMount[];
  /** There is none, and what to install. An image may well say less than it holds: its programs are tried, and this is told when they fail. */
  readonly missing?: string;
}

/** Errors: failedPrecondition for a platform that cannot run here. */
export async function emulation(platform: Platform | undefined, machine: Machine = thisMachine): Promise<Emulation> {
  if (platform === undefined) return NONE;
  const wanted = normalizePlatform(platform);
  if (runnable(machine.host).some((own) => platformEquals(own, wanted))) return NONE;
  if (wanted.os !== machine.host.os) throw failedPrecondition(`no support for running processes with ${formatPlatform(wanted)} platform`);
  if (wanted.architecture === machine.host.architecture) {
    await checkOwnArchitecture(machine, wanted);
    return NONE;
  }
  const emulator = emulatorOf(await machine.emulators(), wanted.architecture);
  if (emulator === undefined) return { mounts: [], missing: missing(wanted) };
  if (emulator.held) return NONE;
  const source = [{ type: 'bind', source: emulator.interpreter, target: '', options: ['ro', 'bind'] }];
  return { mounts: [{ destination: emulator.interpreter, source, selector: '', readonly: true }] };
}

function emulatorOf(emulators: readonly Emulator[], architecture: string): Emulator | undefined {
  const wanted = Object.hasOwn(ARCHITECTURES, architecture) ? ARCHITECTURES[architecture]?.machine : undefined;
  return emulators.find(
    ({ machine }) => machine.bits === wanted?.bits && machine.bigEndian === wanted.bigEndian && machine.number === wanted.number,
  );
}

/** A newer variant of what the machine is: amd64's are told by the processor. */
async function checkOwnArchitecture(machine: Machine, wanted: Platform): Promise<void> {
  const levels = await ownLevels(machine);
  if (levels.some((level) => platformEquals(level, wanted))) return;
  const supported = [...runnable(machine.host).filter(({ architecture }) => architecture === wanted.architecture), ...levels];
  throw failedPrecondition(
    `no support for running processes with ${formatPlatform(wanted)} platform, supported: ${supported.map(formatPlatform).join(', ')}`,
  );
}

async function ownLevels({ host, amd64Level }: Machine): Promise<Platform[]> {
  if (host.architecture !== 'amd64') return [];
  const newest = await amd64Level();
  return Array.from({ length: newest - 1 }, (_, index) => ({ os: host.os, architecture: 'amd64', variant: `v${index + 2}` }));
}

function missing(wanted: Platform): string {
  const qemu = Object.hasOwn(ARCHITECTURES, wanted.architecture) ? ARCHITECTURES[wanted.architecture]?.qemu : undefined;
  const shown = formatPlatform(wanted);
  if (qemu === undefined) throw failedPrecondition(`no support for running processes with ${shown} platform`);
  return `no emulator for ${shown} is registered on this host: install Debian's package qemu-user-static, which registers qemu-${qemu} with binfmt_misc`;
}
