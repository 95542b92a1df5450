import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syscalls } from '@gantry/linux';
import { invalidArgument, shortSocketPath } from '@gantry/rpc';
import { createCgroupManager } from '@gantry/runtime';
import type { Running, ServiceContext } from '@gantry/service';
import { monitorsPath, tidyGroups } from './cgroups';
import type { ShimConfig } from './config';
import type { Driver, DriverName } from './drivers/driver';
import { NativeDriver } from './drivers/native';
import { OciDriver } from './drivers/oci';
import { RemoteDriver } from './drivers/remote/remote';
import { ShimBinary } from './drivers/remote/shim-binary';
import { publisherPath, writePublisher } from './drivers/remote/publisher';
import { eventsServer } from './drivers/remote/task-events';
import { TaskServerOfMany } from './drivers/remote/task-service';
import { EventJournal } from './events/journal';
import { Publisher } from './events/publisher';
import { Helper, locateProgram } from '@gantry/native';
import { HostRootfsMounter } from './rootfs/rootfs';
import { Meters } from './stats/meters';
import { type TaskParts, runtimeRoot } from './tasks/engine';
import { rebuild } from './tasks/rebuild';
import { TaskRegistry } from './tasks/registry';

export interface ComposedEngine extends Running {
  readonly engine: TaskParts;
}

/**
 * What runs tasks, whoever asks over whichever protocol: drivers, helper, journal, the tasks that an earlier shim left. Monitors and their tasks
 * outlive `stop`.
 * @param address where shims of others take their containerd to be
 */
export async function composeEngine(
  service: Pick<ServiceContext<ShimConfig>, 'run' | 'logger' | 'config'>,
  address: string,
): Promise<ComposedEngine> {
  const { run, logger, config } = service;
  if (!(config['client-timeout-ms'] >= 1)) throw invalidArgument(`client-timeout-ms ${config['client-timeout-ms']} is not above zero`);
  const binary = locateProgram('gantry-native', __dirname, config.native);
  const cgroups = createCgroupManager();
  const monitors = cgroups.plan(monitorsPath(run));
  const helper = new Helper({ binary, logger, cgroups: monitors.directories.map((one) => one.directory) });
  const journal = new EventJournal(join(run, 'shim', 'events.journal'), logger);
  const eventsPath = shortSocketPath(run, 'task-events');
  const oci = new OciDriver({ helper, cgroups, consoleSocket: (id) => shortSocketPath(run, `console/${id}`) });
  const drivers = {
    native: new NativeDriver({ cgroups, logger, program: oci }),
    oci,
    'containerd-shim': new RemoteDriver({
      name: 'containerd-shim',
      cgroups,
      logger,
      server: new ShimBinary({ helper, address, events: eventsPath, publisher: publisherPath(run) }),
    }),
    'task-service': new RemoteDriver({ name: 'task-service', cgroups, logger, server: new TaskServerOfMany({ run, logger }) }),
  } satisfies Record<DriverName, Driver>;
  const engine: TaskParts = {
    clientTimeoutMs: config['client-timeout-ms'],
    run,
    helper,
    drivers,
    cgroups,
    meters: new Meters(cgroups),
    logger,
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
    rootfs: new HostRootfsMounter(syscalls.async, helper),
    registry: new TaskRegistry(),
    publisher: new Publisher(journal),
  };
  const taskEvents = eventsServer(logger, (namespace, id) => engine.registry.find(namespace, id)?.init.oomTold());

  return {
    engine,
    async start() {
      for (const dir of ['tasks', 'shim', 's']) await mkdir(join(run, dir), { recursive: true, mode: 0o700 });
      await mkdir(runtimeRoot(run), { recursive: true, mode: 0o700 });
      journal.open();
      await cgroups.create(monitors);
      await helper.start();
      await taskEvents.listen(eventsPath);
      writePublisher(run, binary, eventsPath);
      await rebuild(engine);
    },
    async stop() {
      for (const task of engine.registry.all()) {
        task.init.detach();
        for (const exec of task.execs.values()) exec.process.detach();
      }
      for (const driver of Object.values<Driver>(drivers)) await driver.close?.();
      engine.meters.close();
      await taskEvents.stop(200);
      await helper.stop();
      // With tasks their monitors go on in it; without one the last of them is just ending.
      if (engine.registry.all().length === 0) await cgroups.remove(monitors).catch(() => undefined);
      await tidyGroups(cgroups, run);
      journal.close();
    },
  };
}
