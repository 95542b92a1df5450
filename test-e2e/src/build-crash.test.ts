import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildx, classic, registryName, type Way } from './build-crash/clients';
import { stillLeftOfBuilds } from './build-crash/left';
import { randomOf, seedOfRun } from './build-crash/random';
import {
  bundles,
  command,
  dockerTakes,
  hasProgram,
  loadBusybox,
  pinnedNode,
  removeGroups,
  startEngine,
  startRegistry,
  until,
  type Engine,
  type Registry,
} from './harness';

/** Kills of each service: 100 in `tools/test --all`, few in the everyday run; GANTRY_KILLS another number, GANTRY_VICTIM of those services alone. */
const all = Boolean(process.env['GANTRY_TEST_ALL']);
const kills = Number(process.env['GANTRY_KILLS'] ?? (all ? 100 : 2));
const services = ['gantry-build', 'gantry-images', 'gantry-supervisor', 'gantry-shim', 'gantry-network', 'gantryd'] as const;
const victims = services.filter((name) => (process.env['GANTRY_VICTIM'] ?? name).split(',').includes(name));
const hasBuildx = dockerTakes('--cache-to', 'buildx', 'build') && hasProgram('docker-registry');
/** The classic builder, which needs no client, in the long run alone. */
const clients = [...(hasBuildx ? [buildx] : []), ...(all ? [classic] : [])];
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

if (!hasBuildx)
  test.skip('builds whose services are killed [needs docker buildx with caches in a registry, docker-registry]', () => undefined);
if (clients.length > 0)
  describe.each(clients)('builds of $name whose services are killed', (client) => {
    const seed = seedOfRun();
    const random = randomOf(seed);
    const group = `/gantry-crash-${process.pid}`;
    let engine: Engine;
    let registry: Registry | undefined;
    /** Rounds whose line must be in the cache mount. */
    let lines: number[] = [];
    /** How long a whole build of each kind took, milliseconds. */
    const lengths = new Map<Way, number>();
    let round = 0;
    const toldLeft = new Set<string>();

    beforeAll(async () => {
      process.stdout.write(`seed of the kills: ${seed}\n`);
      engine = await startEngine('gantry', {
        separate: true,
        config: { build: `cgroup-parent: ${group}\ninsecure-registries: ['${registryName}']\n` },
      });
      await loadBusybox(engine);
      if (client.ways.includes('registry')) registry = await startRegistry(engine);
      const files = join(engine.folder, 'context/files');
      mkdirSync(files, { recursive: true });
      for (let i = 0; i < 50; i++) writeFileSync(join(files, String(i)), randomBytes(2000).toString('hex'));
    }, 180_000);
    afterAll(async () => {
      await registry?.stop();
      await engine?.destroy();
      await removeGroups(group);
    }, 180_000);

    /** Kills, and waits until those are gone: one that is dying still takes connections. */
    async function kill(service: string): Promise<void> {
      const signal = (pid: number, name: NodeJS.Signals | 0): boolean => {
        try {
          return process.kill(pid, name);
        } catch {
          return false; // it had ended
        }
      };
      const killed = engine.pids(service).filter((pid) => signal(pid, 'SIGKILL'));
      await until(`${service} to be gone`, () => !killed.some((pid) => signal(pid, 0)));
    }

    /** One kill; answers what was wrong afterwards, in words. */
    async function killedOnce(service: string): Promise<string[]> {
      const way = client.ways[round % client.ways.length] ?? 'image';
      const number = ++round;
      const length = lengths.get(way) ?? 2000;
      const at = random() * length;
      const prunedAt = random() * length;
      const about = `round ${number} (${way}), ${service} killed after ${at.toFixed(0)} ms`;
      const begun = performance.now();
      let took = Infinity;
      const first = client.build(engine, number, way).finally(() => (took = performance.now() - begun));
      const pruning = way === 'pruned' ? sleep(prunedAt).then(() => engine.docker(['builder', 'prune', '-af'])) : undefined;
      await sleep(at);
      await kill(service);
      const [killed, pruned] = await Promise.all([first, pruning]);
      // Moments of the whole build, whatever the machine is at.
      lengths.set(way, killed.ok ? took : length * 1.1);
      const again = await client.build(engine, number, way);
      const both = `${killed.text}\n--- again:\n${again.text}`;
      if (!again.ok) return [`${about}: the next build fails:\n${both}`];
      const wrong: string[] = [];
      // The launcher holds the sockets of those that are killed: calls wait in them.
      for (const text of [both, pruned?.stderr ?? ''])
        if (/cannot connect to the docker daemon/i.test(text)) wrong.push(`${about}: nobody listened:\n${text}`);
      const lost = way === 'pruned' ? [] : [...killed.told.done].filter((name) => !again.told.cached.has(name));
      if (lost.length > 0) wrong.push(`${about}: not cached: ${lost.join(', ')}\n${both}`);
      lines = way === 'pruned' ? [] : [...lines, number];
      if (way === 'image') {
        const run = await engine.docker(['run', '--rm', 'crash']);
        if (run.stdout !== `${number}\n`) wrong.push(`${about}: the image does not run: ${JSON.stringify(run)}`);
      }
      const left = await stillLeftOfBuilds(engine, group, toldLeft);
      for (const each of left) toldLeft.add(each);
      if (left.length > 0) wrong.push(`${about}: left over: ${left.join(', ')}\n${both}`);
      return wrong;
    }

    async function storeIsClean(): Promise<void> {
      const check = await command(pinnedNode, [join(bundles, 'gantry-images.cjs'), 'check', '--root', engine.root, '--run', engine.run]);
      expect(check.code === 0 ? '' : `${check.stdout}${check.stderr}`).toBe('');
      if (client.lines !== undefined) expect(await client.lines(engine, round)).toEqual(expect.arrayContaining(lines));
    }

    test.each(victims)(
      `%s, killed ${kills} times in builds with caches, exports and prune`,
      async (service) => {
        const wrong: string[] = [];
        for (let kill = 0; kill < kills; kill++) {
          const found = await killedOnce(service);
          for (const each of found) process.stdout.write(`${each}\n`); // at once: a long run may be cut short
          wrong.push(...found);
        }
        expect(wrong).toEqual([]);
        await storeIsClean();
      },
      60_000 + kills * 120_000,
    );
  });
