import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jobs } from './applications/jobs';
import { play } from './applications/play';
import { shop } from './applications/shop';
import { site } from './applications/site';
import { describeEngine, dockerTakes, hasProgram, projectRoot, startRegistry, type Registry } from './harness';
import { debianAnswers, importDebian } from './projects/debian';

/**
 * Three applications on Debian's packages, driven by every command of docker compose. What each line leaves is in expected.json, written by dockerd 28.5.2: with
 * GANTRY_E2E_PEER=only and GANTRY_APPLICATIONS=record, or record:text. In `tools/test --all`; GANTRY_APPLICATIONS=text does those whose names hold it.
 */
const named = process.env['GANTRY_APPLICATIONS'];
const wanted = named !== undefined || Boolean(process.env['GANTRY_TEST_ALL']);
const recording = named?.startsWith('record') ?? false;
const wantedName = named?.replace(/^record:?/, '') ?? '';
const MINUTE = 60_000;
const transcripts = join(projectRoot, 'test-e2e/src/applications/expected.json');

const lack = !wanted
  ? 'tools/test --all'
  : !dockerTakes('--no-up', 'compose', 'watch')
    ? 'docker compose with watch'
    : !hasProgram('dpkg-deb') || !debianAnswers()
      ? "Debian's archive, for apt"
      : undefined;

if (lack !== undefined) test.skip(`applications [needs ${lack}]`, () => undefined);
else
  describeEngine(
    'applications',
    (suite) => {
      let registry: Registry | undefined;
      beforeAll(async () => {
        registry = await startRegistry(suite.engine);
        await importDebian(suite.engine, 'debian-apps', {
          packages: ['postgresql-15', 'redis-server', 'nginx-light', 'python3-minimal', 'libpython3-stdlib', 'hostname', 'grep', 'sed'],
        });
      }, 20 * MINUTE);
      afterAll(() => registry?.stop());

      for (const application of [jobs, site, shop].filter(({ name }) => name.includes(wantedName)))
        test(
          application.name,
          async () => {
            const told = await play(suite.engine, application);
            const expected = JSON.parse(readFileSync(transcripts, 'utf8')) as Record<string, string[]>;
            if (recording) writeFileSync(transcripts, `${JSON.stringify({ ...expected, [application.name]: told }, null, 2)}\n`);
            else expect(told).toEqual(expected[application.name]);
          },
          20 * MINUTE,
        );
    },
    { since: 28, containerdStore: true },
  );
