import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { command, ended, until, type Engine } from '../harness';
import { tarOf } from './tar-of';

/** A web server at 127.0.0.1:8000 and a git server at 127.0.0.1:9418, on the network that the engine calls its host's. */
export interface SourceServers {
  stop(): Promise<void>;
}

const DATE = '2001-09-09T01:46:40Z';

export async function serveSources(engine: Engine): Promise<SourceServers> {
  const web = join(engine.folder, 'web');
  mkdirSync(web);
  const files: Record<string, Buffer> = {
    'plain.txt': Buffer.from('from the web\n'),
    'packed.tar.gz': gzipSync(await tarOf({ 'in/': '', 'in/file': 'packed\n' })),
    'context.tar.gz': gzipSync(await tarOf({ Dockerfile: 'FROM scratch\nCOPY file /\n', file: 'of a context from the web\n' })),
  };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(web, name), content);
    utimesSync(join(web, name), 1_000_000_000, 1_000_000_000);
  }
  const git = join(engine.folder, 'git');
  await repository(join(git, 'module.git'), { note: 'of a submodule\n' });
  await repository(
    join(git, 'repo.git'),
    { Dockerfile: 'FROM scratch\nCOPY . /all/\n', 'sub/Dockerfile': 'FROM scratch\nCOPY inner /\n', 'sub/inner': 'inner\n', top: 'top\n' },
    { tag: 'v1', after: { top: 'changed\n' } },
  );
  const inNet = [`--net=/run/netns/${engine.netns}`];
  const children: ChildProcess[] = [
    spawn('nsenter', [...inNet, 'busybox', 'httpd', '-f', '-p', '127.0.0.1:8000', '-h', web], { stdio: 'ignore' }),
    spawn('nsenter', [...inNet, 'git', 'daemon', `--base-path=${git}`, '--export-all', '--listen=127.0.0.1', '--reuseaddr', git], {
      stdio: 'ignore',
      detached: true,
    }),
  ];
  const listening = (port: number) => async (): Promise<boolean> =>
    (await engine.onHost('busybox', ['nc', '-w', '1', '127.0.0.1', String(port)])).code === 0;
  await until('the web server to listen', listening(8000));
  await until('the git server to listen', listening(9418));
  return {
    async stop() {
      const [httpd, daemon] = children;
      httpd?.kill();
      // git daemon is a child of git: both are of one group.
      if (daemon?.pid !== undefined) process.kill(-daemon.pid);
      for (const child of children) await ended(child);
    },
  };
}

/** A repository whose commits have the same ids wherever it is made. */
async function repository(
  folder: string,
  files: Readonly<Record<string, string>>,
  then?: { readonly tag: string; readonly after: Readonly<Record<string, string>> },
): Promise<void> {
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_AUTHOR_DATE: DATE,
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.org',
    GIT_COMMITTER_DATE: DATE,
  };
  const run = async (...args: string[]): Promise<void> => {
    const result = await command('git', ['-C', folder, ...args], { env });
    if (result.code !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
  };
  const commit = async (changed: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, content] of Object.entries(changed)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    await run('add', '-A');
    await run('commit', '-q', '-m', 'change');
  };
  mkdirSync(folder, { recursive: true });
  await run('init', '-q', '-b', 'main');
  await commit(files);
  if (then === undefined) return;
  await run('tag', then.tag);
  await commit(then.after);
}
