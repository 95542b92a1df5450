import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeEngine, dockerTakes, getFromHost, hasProgram, testWith, until, type Suite } from './harness';
import { jvm, native } from './projects/compiled';
import { debianAnswers, importDebian } from './projects/debian';
import { NODE_NAME, nodeProject, serveNpm } from './projects/node';
import type { Project } from './projects/project';
import { postgres, python } from './projects/services';
import { nginx, php, ruby } from './projects/web';

/** Projects as a newcomer writes them, on Debian's packages: each is built, runs and answers. In `tools/test --all`; GANTRY_PROJECTS=text does those whose names hold it. */
const named = process.env['GANTRY_PROJECTS'];
const wanted = named !== undefined || Boolean(process.env['GANTRY_TEST_ALL']);
const MINUTE = 60_000;

const lack = !wanted
  ? 'tools/test --all'
  : !dockerTakes('--output', 'buildx', 'build')
    ? 'docker buildx with several outputs'
    : !hasProgram('dpkg-deb') || !debianAnswers()
      ? "Debian's archive, for apt"
      : undefined;

if (lack !== undefined) test.skip(`projects [needs ${lack}]`, () => undefined);
else
  describeEngine(
    'projects',
    (suite) => {
      for (const project of [nginx, python, native, php, ruby, jvm, postgres])
        testWith('its name in GANTRY_PROJECTS', project.name.includes(named ?? ''))(
          project.name,
          async () => {
            await importDebian(suite.engine, project.base, project);
            const folder = laidOut(suite, project);
            await build(suite, project, folder);
            await runs(suite, project);
          },
          20 * MINUTE,
        );

      testWith('its name in GANTRY_PROJECTS', NODE_NAME.includes(named ?? ''))(
        `${NODE_NAME}, which has the packages when the registry is gone`,
        async () => {
          const project = await nodeProject();
          await importDebian(suite.engine, project.base, project);
          const folder = laidOut(suite, project);
          const registry = await serveNpm(suite.engine);
          try {
            await build(suite, project, folder);
          } finally {
            await registry.stop();
          }
          await runs(suite, project);
          const about = project.files['package.json'] ?? '';
          writeFileSync(join(folder, 'package.json'), about.replace('"service"', '"service" '));
          const again = await build(suite, project, folder);
          expect(again).not.toMatch(/npm ci[^\n]*\n#\d+ CACHED/);
        },
        20 * MINUTE,
      );
    },
    { since: 28, containerdStore: true },
  );

function laidOut({ engine }: Suite, { files }: Project): string {
  const folder = mkdtempSync(join(engine.folder, 'project-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** Builds it; answers what was told of it. */
async function build({ engine }: Suite, { base, args = [] }: Project, folder: string): Promise<string> {
  const made = await engine.docker(['buildx', 'build', '--progress=plain', ...args, '-t', `${base}:made`, folder], {
    timeout: 10 * MINUTE,
  });
  if (made.code !== 0) throw new Error(made.stderr);
  return made.stderr;
}

async function runs({ engine, ok }: Suite, { base, run = [], answers = {}, inside }: Project): Promise<void> {
  const id = await ok('run', '-d', ...run, `${base}:made`);
  try {
    const address = await ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', id);
    for (const [path, answer] of Object.entries(answers)) {
      await until('an answer', async () => (await getFromHost(engine, address, 80, path)) !== '', 2 * MINUTE);
      expect(await getFromHost(engine, address, 80, path)).toBe(answer);
    }
    if (inside !== undefined) {
      const health = () => ok('inspect', '-f', '{{.State.Health.Status}}', id);
      await until('it to be healthy', async () => (await health()) === 'healthy', 2 * MINUTE);
      expect(await ok('exec', id, ...inside.command)).toBe(inside.prints.trimEnd());
    }
  } catch (error) {
    const { stdout, stderr } = await engine.docker(['logs', id]);
    throw new Error(`${base}: ${stdout}${stderr}`, { cause: error });
  } finally {
    await ok('rm', '-f', '-v', id);
  }
}
