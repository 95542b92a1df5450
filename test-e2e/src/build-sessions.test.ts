import { type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stillLeftOfBuilds } from './build-crash/left';
import { dockerTakes, ended, loadBusybox, removeGroups, startEngine, testWith, until, type Engine } from './harness';

const buildx = testWith('docker buildx with several outputs', dockerTakes('--output', 'buildx', 'build'));
/** Bytes of a context and of an archive, so that a client can be killed in the middle of them. */
const LARGE = 24 << 20;

describe('clients of builds that die without a word', () => {
  const group = `/gantry-sessions-${process.pid}`;
  let engine: Engine;
  let folder: string;
  let descriptors = 0;
  beforeAll(async () => {
    if (!dockerTakes('--output', 'buildx', 'build')) return;
    engine = await startEngine('gantry', { separate: true, config: { build: `cgroup-parent: ${group}\n` } });
    await loadBusybox(engine);
    folder = join(engine.folder, 'context');
    mkdirSync(folder);
    for (let i = 0; i < 24; i++) writeFileSync(join(folder, `large${i}`), Buffer.alloc(LARGE / 24, String(i)));
    writeFileSync(join(engine.folder, 'secret'), 'the secret');
    expect(await build('FROM busybox\nRUN true\n', '-t', 'warm').closed()).toBe(0);
    descriptors = open();
  }, 180_000);
  afterAll(async () => {
    await engine?.destroy();
    await removeGroups(group);
  }, 120_000);

  const open = (): number => engine.pids('gantry-build').flatMap((pid) => readdirSync(`/proc/${pid}/fd`)).length;

  function build(dockerfile: string, ...args: string[]) {
    const client: ChildProcess = engine.dockerSpawn(['buildx', 'build', '--progress=plain', ...args, '-f', '-', folder]);
    let said = '';
    client.stderr?.on('data', (data: Buffer) => (said += data.toString()));
    client.stdin?.on('error', () => undefined);
    client.stdin?.end(dockerfile);
    return {
      says: (text: RegExp) =>
        until(`the client to say ${String(text)}: ${said}`, () => {
          if (client.exitCode !== null) throw new Error(`the build has ended:\n${said}`);
          return text.test(said);
        }),
      async closed(): Promise<number | null> {
        await ended(client);
        return client.exitCode;
      },
      /** The CLI and its plugin, which is the client. */
      async die(): Promise<void> {
        for (const pid of [...childrenOf(client.pid ?? 0), client.pid ?? 0]) {
          try {
            process.kill(pid, 'SIGKILL');
          } catch {
            // it had ended
          }
        }
        await ended(client);
      },
    };
  }

  async function nothingIsLeft(): Promise<void> {
    expect(await stillLeftOfBuilds(engine, group)).toEqual([]);
    await until('the descriptors to be as few as before', () => open() <= descriptors + 4, 20_000);
    expect(await build('FROM busybox\nRUN true\n', '-t', 'again').closed()).toBe(0);
  }

  buildx(
    'while files of the context travel',
    async () => {
      const client = build('FROM busybox\nCOPY . /all/\n');
      await client.says(/transferring context:/);
      await client.die();
      await nothingIsLeft();
    },
    120_000,
  );

  buildx(
    'while a step has its secret, and a cache that is locked',
    async () => {
      const client = build(
        'FROM busybox\nRUN --mount=type=secret,id=s,target=/s --mount=type=cache,target=/c,sharing=locked cat /s | wc -c && echo begun && sleep 1234\n',
        '--secret',
        `id=s,src=${join(engine.folder, 'secret')}`,
      );
      await client.says(/begun$/m);
      await client.die();
      await nothingIsLeft();
      expect(await build('FROM busybox\nRUN --mount=type=cache,target=/c,sharing=locked true\n').closed()).toBe(0);
    },
    120_000,
  );

  buildx(
    'while an archive is sent to it',
    async () => {
      const client = build('FROM busybox\nCOPY . /all/\n', '-o', `type=oci,dest=${join(engine.folder, 'out.tar')}`);
      await client.says(/exporting to oci/);
      await client.die();
      await nothingIsLeft();
    },
    120_000,
  );
});

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => parentOf(each) === pid);
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}
