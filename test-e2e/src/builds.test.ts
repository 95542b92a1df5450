import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cases } from './builds/cases';
import { outcomeOf, type Outcome } from './builds/outcome';
import { engineAsPlace } from './builds/place';
import { serveSources, type SourceServers } from './builds/servers';
import { treeOf } from './builds/tree';
import { dockerTakes, kinds, loadBusybox, startEngine, testWith, type Engine, type EngineKind } from './harness';

/**
 * The same builds on either engine, with what dockerd 28.5.2 and its BuildKit make of them written down in builds/expected.json. GANTRY_BUILDS_RECORD=1 with
 * GANTRY_E2E_PEER=only writes that file anew; GANTRY_BUILDS=text does only the cases whose names hold the text.
 */
const file = join(__dirname, 'builds/expected.json');
const recording = process.env['GANTRY_BUILDS_RECORD'] === '1';
const wanted = process.env['GANTRY_BUILDS'] ?? '';
const chosen = (kind: EngineKind) =>
  cases.filter(({ name, newer }) => wanted.split('|').some((text) => name.includes(text)) && !(kind === 'dockerd' && newer === true));
const capable = dockerTakes('--output', 'buildx', 'build');

describe.each(kinds)('builds on %s', (kind) => {
  const expected = (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}) as Record<string, Outcome>;
  let engine: Engine | undefined;
  let servers: SourceServers | undefined;
  let base: ReadonlyMap<string, string> = new Map();
  const since = Math.floor(Date.now() / 1000) * 1000;
  const running = (): Engine => {
    if (engine === undefined) throw new Error('the engine is not started');
    return engine;
  };
  beforeAll(async () => {
    if (!capable) return;
    engine = await startEngine(kind, { containerdStore: true });
    await loadBusybox(engine);
    servers = await serveSources(engine);
    const tar = join(engine.folder, 'base.tar');
    const made = await engine.docker(['buildx', 'build', '--output', `type=tar,dest=${tar}`, '-'], { input: 'FROM busybox\n' });
    if (made.code !== 0) throw new Error(`the base's tree: ${made.stderr}`);
    base = await treeOf(tar, since);
  }, 180_000);
  afterAll(async () => {
    await servers?.stop();
    await engine?.destroy();
    if (recording) writeFileSync(file, `${JSON.stringify(expected, null, 1)}\n`);
  }, 180_000);

  test('no two cases have one name', () => expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length));
  for (const [number, one] of chosen(kind).entries())
    testWith('docker buildx with several outputs', capable)(
      one.name,
      async () => {
        const outcome = JSON.parse(JSON.stringify(await outcomeOf(engineAsPlace(running()), one, base, number, since))) as Outcome;
        if (recording) expected[one.name] = outcome;
        expect(outcome).toEqual(expected[one.name]);
        if (one.prints !== true) expect(outcome.exit === 0).toBe(one.fails !== true);
      },
      180_000,
    );
});
