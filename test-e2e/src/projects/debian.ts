import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { command, type Engine } from '../harness';

/** What every image of a project has: a shell, the basic commands, the accounts. */
const BASE = ['base-passwd', 'coreutils', 'dash', 'libc-bin'];
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];
const MINUTES = 60_000;

/** apt-get that knows of no installed package, so that it names all that a package needs, and that writes nothing of the host's. */
const aptGet = (archives: string, ...args: string[]): string[] => [
  '-qq',
  '-y',
  '--no-install-recommends',
  ...['Dir::State::status=/dev/null', `Dir::Cache::archives=${archives}`, 'Debug::NoLocking=1', 'APT::Sandbox::User=root'].flatMap(
    (option) => ['-o', option],
  ),
  ...args,
];

/** Whether Debian's archive answers apt here. */
export function debianAnswers(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-e2e-apt-'));
  try {
    mkdirSync(join(folder, 'partial'));
    execFileSync(
      'apt-get',
      aptGet(folder, '-o', 'Acquire::Retries=0', '-o', 'Acquire::http::Timeout=10', 'install', '--download-only', 'base-passwd'),
      {
        stdio: 'ignore',
        timeout: 2 * MINUTES,
      },
    );
    return readdirSync(folder).some((name) => name.endsWith('.deb'));
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Packages of Debian with all that they need, laid out and imported as an image; `links` are those that the scripts of packages would make. */
export async function importDebian(
  engine: Engine,
  name: string,
  { packages, links = {} }: { readonly packages: readonly string[]; readonly links?: Readonly<Record<string, string>> },
): Promise<void> {
  const folder = mkdtempSync(join(engine.folder, 'debian-'));
  const archives = join(folder, 'archives');
  const root = join(folder, 'root');
  mkdirSync(join(archives, 'partial'), { recursive: true });
  for (const path of MERGED) {
    mkdirSync(join(root, 'usr', path), { recursive: true });
    symlinkSync(`usr/${path}`, join(root, path));
  }
  await run('apt-get', aptGet(archives, 'install', '--download-only', ...BASE, ...packages));
  // one shell for all: some languages are hundreds of packages
  await run('sh', [
    '-ec',
    'for deb in "$1"/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$2"; done',
    'sh',
    archives,
    root,
  ]);
  for (const file of ['passwd', 'group']) cpSync(join(root, `usr/share/base-passwd/${file}.master`), join(root, 'etc', file));
  for (const path of ['tmp', 'run', 'proc', 'sys', 'dev', 'root']) mkdirSync(join(root, path), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (!isThere(join(root, path))) symlinkSync(target, join(root, path));
  }
  await run('ldconfig', ['-r', root]);
  await run('tar', ['-cf', join(folder, 'image.tar'), '-C', root, '.']);
  const made = await engine.docker(['import', join(folder, 'image.tar'), name], { timeout: 15 * MINUTES });
  if (made.code !== 0) throw new Error(`docker import: ${made.stderr}`);
  rmSync(folder, { recursive: true });
}

/** A link counts, whatever it leads to. */
const isThere = (path: string): boolean => existsSync(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined;

async function run(program: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await command(program, args, {
    timeout: 10 * MINUTES,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
}
