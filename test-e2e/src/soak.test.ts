import { readFileSync } from 'node:fs';
import { randomOf, seedOfRun } from './build-crash/random';
import { type Blow, crash, measure, type Whole, type World } from './crash-points/crash';
import { must, type Operation, operations, prepare } from './crash-points/operations';
import { stockOf } from './crash-points/stock';
import { getFromHost, loadBusybox, removeGroups, startEngine, until, type Engine } from './harness';

/** An hour in `tools/test --all`; GANTRY_SOAK says other minutes. */
const minutes = Number(process.env['GANTRY_SOAK'] ?? (process.env['GANTRY_TEST_ALL'] ? 60 : 0));
const services = ['gantryd', 'gantry-supervisor', 'gantry-images', 'gantry-network', 'gantry-shim', 'gantry-build'] as const;
/** Of the blows, those that hit all services at once. */
const ALL_AT_ONCE = 0.1;
const count = 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done';
const standing = [
  ['--name', 'stays0', '-p', '127.0.0.1:8000:80'],
  ['--name', 'stays1', '-p', '127.0.0.1:8001:80', '--network', 'stays'],
  ['--name', 'stays2', '-t', '-v', 'stays:/data', '--network', 'stays'],
];

if (minutes === 0) test.skip('operations while services are killed for an hour [in tools/test --all]', () => undefined);
else
  describe('operations while services are killed', () => {
    const seed = seedOfRun();
    const random = randomOf(seed);
    const group = `/gantry-soak-${process.pid}`;
    let engine: Engine;
    let world: World;

    beforeAll(async () => {
      engine = await startEngine('gantry', { separate: true, config: { supervisor: `cgroup-parent: ${group}\n` } });
      await loadBusybox(engine);
      await prepare(engine);
      await must(engine, ['network', 'create', 'stays']);
      for (const args of standing) await must(engine, ['run', '-d', ...args, 'busybox', 'sh', '-c', `httpd -h /var/www; ${count}`]);
      world = { engine, group, stock: await stockOf(engine, group), told: new Set() };
    }, 180_000);
    afterAll(async () => {
      await engine?.destroy();
      await removeGroups(group);
    }, 180_000);

    /** Kills at a moment within what an operation takes. */
    function blow(victims: readonly string[], length: number): Blow {
      const at = random() * length;
      let fell = Promise.resolve();
      return {
        arm() {
          fell = new Promise((resolve) =>
            setTimeout(() => {
              for (const pid of victims.flatMap((victim) => engine.pids(victim))) kill(pid);
              resolve();
            }, at),
          );
        },
        async struck() {
          await fell;
          return `${victims.length > 1 ? 'all services' : victims[0]} killed after ${at.toFixed(0)} ms`;
        },
      };
    }

    test(
      `for ${minutes} minutes: nothing is left, nothing is half done, and what runs runs on`,
      async () => {
        const wholes = new Map<Operation, { whole: Whole; length: number }>();
        for (const operation of operations) {
          const begun = performance.now();
          const whole = await measure(world, operation);
          wholes.set(operation, { whole, length: (performance.now() - begun) / 2 });
        }
        const before = memories();
        const begun = Date.now();
        let done = 0;
        const wrong: string[] = [];
        const kills: Record<string, number> = {};
        for (const end = Date.now() + minutes * 60_000; Date.now() < end;) {
          const [operation, known] = [...wholes][Math.floor(random() * wholes.size)] ?? [];
          if (operation === undefined || known === undefined) break;
          const one = services[Math.floor(random() * services.length)] ?? 'gantryd';
          const victims = random() < ALL_AT_ONCE ? services : [one];
          done++;
          const found = (await crash(world, operation, known.whole, blow(victims, known.length))) ?? [];
          for (const each of found) process.stdout.write(`${each}\n`); // at once: a long run may be cut short
          wrong.push(...found);
          const name = victims.length > 1 ? 'all' : one;
          kills[name] = (kills[name] ?? 0) + 1;
          for (const port of [8000, 8001]) expect(await getFromHost(engine, '127.0.0.1', port)).toBe('hello from gantry\n');
        }
        const took = ((Date.now() - begun) / 60_000).toFixed(0);
        process.stdout.write(
          `in ${took} minutes (seed ${seed}) ${done} operations, killed ${JSON.stringify(kills)}; wrong ${wrong.length}; KiB before ${before}, after ${memories()}\n`,
        );
        expect(wrong).toEqual([]);
        for (const name of ['stays0', 'stays1', 'stays2']) await logIsWhole(name);
      },
      (minutes + 30) * 60_000,
    );

    /** Of the launcher, which nobody kills, and of the services, some of which have just begun. */
    function memories(): string {
      const ofServices = services.flatMap((name) => engine.pids(name)).reduce((sum, pid) => sum + memory(pid), 0);
      return `${memory(launcherOf(engine))} of the launcher and ${ofServices} of the services`;
    }

    async function logIsWhole(name: string): Promise<void> {
      await until('the log to be read', async () => (await engine.docker(['logs', '--tail', '1', name])).code === 0);
      const lines = (await engine.docker(['logs', name])).stdout.replaceAll('\r', '').split('\n').filter(Boolean);
      expect(lines.length).toBeGreaterThan(100);
      expect(lines.findIndex((line, index) => line !== `line ${index + 1}`)).toBe(-1);
    }
  });

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it had ended
  }
}

const launcherOf = (engine: Engine): number => engine.pids('gantry').find((pid) => commandOf(pid).includes('gantry.cjs up')) ?? 0;
const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
/** KiB; none of one that has just ended. */
function memory(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
