import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Info } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { Mount } from '@gantry/api/containerd/types/types';
import { syscalls } from '@gantry/linux';
import { newContext } from '@gantry/rpc';
import type { TestEngine } from '../../testing/engine';

/** Shows mounts at a directory for as long as fn runs. */
export async function mounted<T>(mounts: readonly Mount[], fn: (root: string) => T | Promise<T>): Promise<T> {
  const target = mkdtempSync(join(tmpdir(), 'gi-mounted-'));
  let count = 0;
  try {
    for (const mount of mounts) {
      mountOne(mount, target);
      count++;
    }
    return await fn(target);
  } finally {
    for (; count > 0; count--) execFileSync('umount', [target]);
    rmdirSync(target);
  }
}

/** Many layers fit a mount's options only when they are named from the directory that all lie in. */
function mountOne({ type, source, options }: Mount, target: string): void {
  const rest = options.filter((option) => option !== 'rbind' && option !== 'bind');
  if (type === 'bind') {
    execFileSync('mount', ['--rbind', '-o', rest.join(',') || 'rw', source, target]);
    return;
  }
  const lower = rest.find((option) => option.startsWith('lowerdir='))?.slice('lowerdir='.length) ?? '';
  const cwd = dirname(dirname(lower.split(':')[0] ?? '/'));
  const relative = lower.length < 2000 ? rest : rest.map((option) => option.replaceAll(`${cwd}/`, ''));
  execFileSync('mount', ['-t', type, ...(relative.length === 0 ? [] : ['-o', relative.join(',')]), source, target], {
    cwd,
    // mount(8) of Debian 13 gives each option to fsconfig(2), which takes 256 bytes of one.
    env: { ...process.env, LIBMOUNT_FORCE_MOUNT2: 'always' },
  });
}

/** Everything that a tree shows, a line an entry; two trees that are the same to their users have the same. Of names of one file the first stands for it. */
export function treeOf(root: string): string[] {
  const lines: string[] = [];
  const firsts = new Map<number, string>();
  const walk = (path: string): void => {
    const full = join(root, path);
    const stat = lstatSync(full);
    const body = stat.isFile() ? readFileSync(full, 'utf8') : stat.isSymbolicLink() ? readlinkSync(full) : stat.rdev;
    const first = stat.isDirectory() ? path : (firsts.get(stat.ino) ?? path);
    firsts.set(stat.ino, first);
    const attributes = syscalls.llistxattr(full).map((name) => `${name}=${syscalls.lgetxattr(full, name)?.toString('hex')}`);
    lines.push([path, first, stat.mode.toString(8), stat.uid, stat.gid, ...attributes.sort(), body].join(' '));
    if (stat.isDirectory()) for (const name of readdirSync(full).sort()) walk(join(path, name));
  };
  walk('/');
  return lines;
}

/** Runs a script of a shell inside a tree, with no mask on the modes that it gives. */
export const script = (text: string) => (root: string) => void execFileSync('sh', ['-ec', `umask 0; ${text}`], { cwd: root });

/** One snapshotter of an engine, with the steps that all cases are made of. */
export class Subject {
  readonly context = newContext();

  constructor(
    readonly engineOf: () => TestEngine,
    readonly name: string,
  ) {}

  get snapshots(): TestEngine['snapshots'] {
    return this.engineOf().snapshots;
  }

  async prepare(key: string, parent = '', labels: Record<string, string> = {}): Promise<Mount[]> {
    return (await this.snapshots.prepare(this.context, { snapshotter: this.name, labels, key, parent })).mounts;
  }

  async look(key: string, parent = '', labels: Record<string, string> = {}): Promise<Mount[]> {
    return (await this.snapshots.view(this.context, { snapshotter: this.name, labels, key, parent })).mounts;
  }

  async commit(key: string, name: string, labels: Record<string, string> = {}): Promise<void> {
    await this.snapshots.commit(this.context, { snapshotter: this.name, labels, key, name, parent: '' });
  }

  async remove(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.snapshots.remove(this.context, { snapshotter: this.name, key });
  }

  async stat(key: string): Promise<Info> {
    const { info } = await this.snapshots.stat(this.context, { snapshotter: this.name, key });
    if (info === undefined) throw new Error(`no info of ${key}`);
    return info;
  }

  async update(name: string, labels: Record<string, string>, updateMask: string[] | undefined, parent = ''): Promise<Info> {
    const given = { name, parent, kind: 0, createdAt: undefined, updatedAt: undefined, labels };
    const { info } = await this.snapshots.update(this.context, { snapshotter: this.name, info: given, updateMask });
    if (info === undefined) throw new Error(`no info of ${name}`);
    return info;
  }

  async list(...filters: string[]): Promise<Info[]> {
    const found: Info[] = [];
    for await (const { info } of this.snapshots.list(this.context, { snapshotter: this.name, filters })) found.push(...info);
    return found;
  }

  async names(...filters: string[]): Promise<string[]> {
    return (await this.list(...filters)).map(({ name }) => name).sort();
  }

  /** A committed snapshot of what fn leaves in the mounts. */
  async layer(as: string, parent: string, fn: (root: string) => void = () => undefined): Promise<void> {
    await mounted(await this.prepare(`${as}-key`, parent), fn);
    await this.commit(`${as}-key`, as);
  }

  async view<T>(of: string, fn: (root: string) => T): Promise<T> {
    return mounted(await this.look(`${of}-view`, of), fn).finally(() => this.remove(`${of}-view`));
  }

  /** Layer on layer, each made by a step, as a rule a script: after each a view shows what the steps make of one plain directory. */
  async stack(...steps: readonly (string | ((root: string) => void))[]): Promise<void> {
    const flat = mkdtempSync(join(tmpdir(), 'gi-flat-'));
    try {
      script('chmod 755 .')(flat);
      const names = steps.map((_step, at) => `stack-${at}`);
      for (const [at, step] of steps.entries()) {
        const as = names[at] ?? '';
        const apply = typeof step === 'string' ? script(step) : step;
        await this.layer(as, names[at - 1] ?? '', apply);
        apply(flat);
        expect(await this.view(as, treeOf)).toEqual(treeOf(flat));
      }
      await this.remove(...names.reverse());
    } finally {
      rmSync(flat, { recursive: true });
    }
  }
}
