import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stillLeftOfBuilds } from './build-crash/left';
import { dockerTakes, type Engine, hasProgram, loadBusybox, onTerminal, removeGroups, startEngine, testWith } from './harness';

const buildx = testWith('docker buildx and script', dockerTakes('--output', 'buildx', 'build') && hasProgram('script'));

/** Nobody else sleeps so long. */
const SECONDS = 1_000_000 + process.pid;
/** Two commands side by side, one with a cache mount; neither ends by itself. */
const DOCKERFILE = [
  'FROM busybox AS counts',
  'RUN --mount=type=cache,target=/c n=0; while :; do n=$((n + 1)); echo line $n | tee /c/n; sleep 0.1; done',
  'FROM busybox AS sleeps',
  `RUN echo begun; sleep ${SECONDS}`,
  'FROM busybox',
  'COPY --from=counts /n /',
  'COPY --from=sleeps /n /',
  '',
].join('\n');

describe('a build in a terminal', () => {
  const group = `/gantry-interrupt-${process.pid}`;
  let engine: Engine;
  let folder: string;
  beforeAll(async () => {
    engine = await startEngine('gantry', { config: { build: `cgroup-parent: ${group}\n` } });
    await loadBusybox(engine);
    folder = join(engine.folder, 'context');
    mkdirSync(folder);
    writeFileSync(join(folder, 'Dockerfile'), DOCKERFILE);
  }, 120_000);
  afterAll(async () => {
    await engine?.destroy();
    await removeGroups(group);
  }, 120_000);

  buildx(
    'is drawn while it goes on, and Ctrl-C ends it and leaves nothing',
    async () => {
      const terminal = onTerminal(engine.socket, ['buildx', 'build', folder], { columns: 120, rows: 40 });
      try {
        // Both commands are drawn beside each other, and what the first one says goes on.
        await terminal.sees(/# begun/);
        await terminal.sees(/counts 2\/2\] RUN/);
        await terminal.sees(/# line [1-9]\d/);
      } finally {
        terminal.type('\x03');
      }
      const code = await terminal.code;
      const screen = terminal.screen();
      expect(code).toBe(130);
      expect(screen).toMatch(/CANCELED .*\[counts 2\/2\] RUN/);
      expect(screen).toMatch(/CANCELED .*\[sleeps 2\/2\] RUN/);
      expect(await stillLeftOfBuilds(engine, group)).toEqual([]);
      expect((await engine.onHost('pgrep', ['-fx', `sleep ${SECONDS}`])).stdout).toBe('');
      // What was written so far is no outcome: the next build begins anew, with the cache mount as it was.
      writeFileSync(join(folder, 'again'), 'FROM busybox\nRUN --mount=type=cache,target=/c cat /c/n\n');
      const again = await engine.docker(['buildx', 'build', '--progress=plain', '-f', join(folder, 'again'), folder]);
      expect([again.code, again.stderr]).toEqual([0, expect.stringMatching(/ line [1-9]\d/)]);
    },
    120_000,
  );
});
