import { closeSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import type { Server } from 'node:net';
import { TaskService as TaskServiceV2 } from '@gantry/api/containerd/task/v2/shim';
import { TaskService as TaskServiceV3 } from '@gantry/api/containerd/task/v3/shim';
import { createTtrpcServer, type Handlers, publishSocket } from '@gantry/rpc';
import {
  commonDefaults,
  type HostedService,
  loadConfig,
  readCommandLine,
  type Running,
  type ServiceContext,
  type ServiceSpec,
  startService,
} from '@gantry/service';
import { composeEngine } from '../compose-engine';
import { taskHandlers } from '../grpc/task-handlers';
import type { EventJournal } from '../events/journal';
import { createTask } from '../tasks/create';
import type { TaskParts } from '../tasks/engine';
import { cleanTask } from './clean';
import type { Invocation } from './config';
import { controlServer } from './control';
import { withoutKinds } from './failures';
import { forwardEvents, senderFor } from './forward';
import { takeLock } from './lock';
import { namespaceSockets, type Places, placesOf, ROOT } from './places';
import { type ContainerdShimConfig, containerdShimDefaults, containerdShimFlags, protocolOf } from './settings';
import { Tenancy } from './tenancy';

/** An earlier shim of the same containerd has so long to go. */
const PREDECESSOR_MS = 20_000;
/** What the last events have to arrive. */
const LAST_EVENTS_MS = 2000;
const READY_FD = 3;

interface Stoppable {
  stop(graceMs?: number): Promise<void>;
}

/** The process that serves the tasks of one containerd, until the last of them is gone. */
export async function serve(call: Invocation): Promise<void> {
  const places = placesOf(call.address);
  const live = await takeLock(places.liveLock, PREDECESSOR_MS);
  const config = {
    ...loadConfig('containerd-shim', containerdShimDefaults, readCommandLine([], containerdShimFlags)),
    run: places.run,
    root: `${places.run}/data`,
    'metrics-address': 'off',
  };
  const leave = Promise.withResolvers<void>();
  const spec: ServiceSpec<ContainerdShimConfig> = {
    name: 'containerd-shim',
    binary: 'containerd-shim-gantry-v2',
    version: '0.1.0',
    summary: 'runs the tasks of a containerd',
    defaults: containerdShimDefaults,
    flags: containerdShimFlags,
    compose: (service) => compose(service, call, places, leave.resolve),
  };
  const level = call.debug ? 'debug' : config['log-level'] === commonDefaults['log-level'] ? 'warn' : config['log-level'];
  const service: HostedService = await startService(spec, { ...config, 'log-level': level });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => leave.resolve());
  process.on('SIGHUP', () => undefined);
  writeSync(READY_FD, 'ready\n');
  closeSync(READY_FD);
  await leave.promise;
  await service.stop();
  live.close();
  process.exit(0);
}

async function compose(
  service: ServiceContext<ContainerdShimConfig>,
  call: Invocation,
  places: Places,
  leave: () => void,
): Promise<Running> {
  const { logger } = service;
  const protocol = protocolOf(service.config);
  const { engine, start, stop } = await composeEngine(service, call.address);
  const tenancy = new Tenancy(() => engine.registry.all().length, leave);
  const handlers = withoutKinds({ ...taskHandlers(engine), ...tenancyHandlers(engine, tenancy) });
  const served = new Map<string, Promise<Stoppable[]>>();
  /** Calls say no namespace: the socket does. */
  const serveNamespace = async (namespace: string): Promise<Stoppable[]> => {
    const sockets = namespaceSockets(places, namespace);
    const [ttrpc, grpc] = [
      createTtrpcServer({ logger, defaultNamespace: namespace }),
      service.createServer({ defaultNamespace: namespace }),
    ];
    for (const server of [ttrpc, grpc]) {
      server.addService(TaskServiceV2, handlers, { longCalls: ['wait'] });
      server.addService(TaskServiceV3, handlers, { longCalls: ['wait'] });
    }
    await ttrpc.listen(sockets.ttrpc);
    await grpc.listen(sockets.grpc);
    return [ttrpc, grpc];
  };
  const control: Server = controlServer(async ({ op, namespace, id }) => {
    if (op === 'expect') {
      if (!tenancy.expect(namespace, id)) return { ok: false, leaving: true };
      if (!served.has(namespace)) served.set(namespace, serveNamespace(namespace));
      await served.get(namespace);
      return { ok: true, protocol };
    }
    if (tenancy.leaving) return { ok: false, leaving: true };
    tenancy.met(namespace, id);
    const answer = await cleanTask(engine, namespace, id);
    setImmediate(() => tenancy.look());
    return answer;
  });
  const forwarding = new AbortController();
  let forwarded: Promise<void> = Promise.resolve();
  return {
    async start() {
      await start();
      forwarded = forwardEvents(engine.publisher, senderFor(call), { signal: forwarding.signal, logger });
      await publishSocket(
        places.control,
        0o600,
        (place) => new Promise((resolve, reject) => control.once('error', reject).listen(place, resolve)),
      );
      await chmod(places.run, 0o700);
    },
    async stop() {
      tenancy.stop();
      control.close();
      rmSync(places.control, { force: true });
      for (const servers of served.values()) await Promise.all((await servers.catch(() => [])).map((server) => server.stop(1000)));
      await drained(engine.publisher.journal);
      forwarding.abort();
      await forwarded;
      await stop();
      if (engine.registry.all().length > 0) return; // told to stop by a signal: the next one finds them
      rmSync(places.run, { recursive: true, force: true });
      removeIfEmpty(ROOT);
    },
  };
}

/** What the end of the last task needs beside what every shim does. */
function tenancyHandlers(engine: TaskParts, tenancy: Tenancy): Pick<Handlers<typeof TaskServiceV3>, 'create' | 'shutdown'> {
  return {
    create: async (ctx, request) => {
      try {
        return { pid: (await createTask(engine, ctx, request)).init.pid };
      } finally {
        tenancy.met(ctx.namespace, request.id);
      }
    },
    shutdown: async (ctx, { id }) => {
      tenancy.met(ctx.namespace, id);
      setImmediate(() => tenancy.look()); // once this is answered
      return {};
    },
  };
}

/** Until every event has arrived, which is soon: whoever gave the order to leave is there. */
async function drained(journal: EventJournal): Promise<void> {
  const end = Date.now() + LAST_EVENTS_MS;
  while (journal.after(0n).length > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // shims of other containerds are in it
  }
}
