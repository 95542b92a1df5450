import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { defaultCapabilities, defaultMaskedPaths, defaultMounts, defaultReadonlyPaths, type Spec } from '@gantry/oci';
import { compileSeccomp, defaultSeccompProfile } from '@gantry/oci/seccomp';

/** The C program; built by `make -C packages/native`. */
export const nativeBinary = process.env['GANTRY_NATIVE'] ?? join(__dirname, '../../../../dist/gantry-native');

/** Why real containers cannot run here, or undefined. */
export function missingForContainers(): string | undefined {
  if (process.getuid?.() !== 0) return 'root';
  if (!existsSync(nativeBinary)) return `${nativeBinary} (make -C packages/native)`;
  return existsSync('/bin/busybox') ? undefined : '/bin/busybox';
}

const applets =
  'sh true false cat echo ls id env mount stat sleep touch mkdir rm ln readlink head tail grep hostname ps tty stty test pwd wc dd kill chmod chown cut tr sort printf date nc umask tee mknod ulimit find sed awk sync expr seq id chroot unshare'.split(
    ' ',
  );

/** A bundle directory with a busybox rootfs; remove() takes it away. */
export function makeBundle(): { bundle: string; rootfs: string; remove: () => void } {
  const bundle = mkdtempSync(join(tmpdir(), 'gantry-runtime-'));
  const rootfs = join(bundle, 'rootfs');
  for (const dir of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root']) mkdirSync(join(rootfs, dir), { recursive: true });
  cpSync('/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const applet of new Set(applets)) symlinkSync('busybox', join(rootfs, 'bin', applet));
  return {
    bundle,
    rootfs,
    remove: () => {
      rmSync(bundle, { recursive: true, force: true });
    },
  };
}

/** A config.json as docker would write it. */
export function dockerLikeSpec(args: readonly string[]): Spec {
  const caps = [...defaultCapabilities];
  return {
    ociVersion: '1.2.0',
    hostname: 'box',
    root: { path: 'rootfs' },
    process: {
      user: { uid: 0, gid: 0 },
      args: [...args],
      cwd: '/',
      env: ['PATH=/usr/bin:/bin:/sbin'],
      capabilities: { bounding: caps, effective: caps, permitted: caps },
    },
    mounts: defaultMounts(),
    linux: {
      namespaces: (['mount', 'network', 'uts', 'pid', 'ipc', 'cgroup'] as const).map((type) => ({ type })),
      maskedPaths: [...defaultMaskedPaths],
      readonlyPaths: [...defaultReadonlyPaths],
      seccomp: compileSeccomp(defaultSeccompProfile(), caps),
      resources: { devices: [{ allow: false, access: 'rwm' }] },
    },
  };
}

/** dockerLikeSpec of a shell with a script, changed. */
export function shell(script: string, change: (spec: Spec) => void = () => undefined): Spec {
  const spec = dockerLikeSpec(['sh', '-c', script]);
  change(spec);
  return spec;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of the hand-shake: created, started, exited, error. */
  readonly lines: readonly string[];
}

export interface Launched {
  readonly child: ChildProcess;
  /** Resolves with the pid once created; rejects with the error line. */
  readonly created: Promise<number>;
  readonly started: Promise<void>;
  start: () => void;
  readonly done: Promise<Outcome>;
}

/** Runs a plan through the C program's command-line mode. `start: false` leaves it created until start(). */
export function launchPlan(
  plan: Uint8Array,
  options: { native?: string; mode?: string; start?: boolean; args?: readonly string[]; stdin?: string } = {},
): Launched {
  const child = spawn(options.native ?? nativeBinary, [options.mode ?? 'runc-create', ...(options.args ?? [])], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const control = child.stdio[3] as Duplex;
  const lines: string[] = [];
  let stdout = '';
  let stderr = '';
  let rest = '';
  child.stdout?.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr?.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  child.stdin?.on('error', () => undefined);
  control.on('error', () => undefined);
  child.stdin?.end(options.stdin ?? '');
  const head = Buffer.alloc(4);
  head.writeUInt32LE(plan.length);
  control.write(Buffer.concat([head, plan]));
  const waiters: { word: string; resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  const on = (word: string) =>
    new Promise<string>((resolve, reject) => {
      waiters.push({ word, resolve, reject });
    });
  const created = on('created').then((line) => Number(line.split(' ')[1]));
  const started = on('started').then(() => undefined);
  created.catch(() => undefined);
  started.catch(() => undefined);
  const start = () => {
    control.write('start\n');
  };
  if (options.start !== false) created.then(start, () => undefined);
  control.on('data', (data: Buffer) => {
    rest += data.toString();
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      lines.push(line);
      for (const w of waiters) {
        if (line.startsWith(`${w.word} `) || line === w.word) w.resolve(line);
        else if (line.startsWith('error ')) w.reject(new Error(line.slice(6)));
      }
    }
  });
  const done = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const w of waiters) w.reject(new Error(`gantry-native ended (${code ?? signal})`));
      resolve({ code: code ?? -1, stdout, stderr, lines });
    });
  });
  return { child, created, started, start, done };
}
