import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorText, unavailable } from '@gantry/rpc';
import type { PluginClient } from '@gantry/service/plugins';
import type { Forwarding, LogDriver, LogSurroundings, LogTarget } from '../driver';
import { forwarded } from '../forwarded';
import { encodeEntry } from './entry';
import { fifoWire, makeFifo, staleFifos } from './fifo';

const MANAGED_FIFOS = '/run/docker/logging';

/** The plugin of a target. Errors: unavailable in dockerd's words. */
export async function logPlugin({ driver }: Pick<LogTarget, 'driver'>, { plugins }: LogSurroundings): Promise<PluginClient> {
  try {
    return await plugins.get(driver, 'LogDriver');
  } catch (error) {
    throw unavailable(`error looking up logging plugin ${driver}: ${errorText(error)}`, { cause: error });
  }
}

const forwarding: Forwarding = {
  // What lies in the pipe is lost with its reader.
  doubtMs: () => 1000,
  dialsAtStart: () => true,
  keepsDialled: true,
  tellsAll: true,
  patience: () => ({ waitMs: 1000, longestMs: 10_000, tries: Infinity }),
  async connect(target, signal, surroundings) {
    if (surroundings === undefined) throw new TypeError('a log plugin without surroundings');
    const client = await logPlugin(target, surroundings);
    // A managed plugin has the FIFOs in its own root file system.
    const fifos = client.isManaged ? client.onHost(MANAGED_FIFOS) : surroundings.fifos;
    const told = (path: string): string => (client.isManaged ? join(MANAGED_FIFOS, basename(path)) : path);
    const { id } = target.subject;
    const stop = (path: string): Promise<unknown> => client.call('LogDriver.StopLogging', { File: told(path) });
    for (const path of await staleFifos(fifos, `${id}-`)) {
      await stop(path).catch(() => undefined); // it may have forgotten this one long ago
      await rm(path, { force: true });
    }
    const path = await makeFifo(fifos, `${id}-${randomBytes(4).toString('hex')}`);
    const refused = new AbortController();
    // One that opens the FIFO before it answers needs a writer, one that does it afterwards the answer.
    const started = client.call('LogDriver.StartLogging', { File: told(path), Info: target.info }).catch((error: unknown) => {
      const why = unavailable(`error creating logger: ${errorText(error)}`, { cause: error });
      refused.abort(why);
      throw why;
    });
    try {
      const [wire] = await Promise.all([fifoWire(path, AbortSignal.any([signal, refused.signal])), started]);
      return {
        lost: wire.lost,
        async send(messages, abort) {
          await wire.write(messages.map(encodeEntry), abort);
          return 0;
        },
        async close() {
          await stop(path).catch(() => undefined); // it is gone, or will see the end of the FIFO
          await wire.close();
        },
      };
    } catch (error) {
      await rm(path, { force: true });
      throw refused.signal.aborted ? refused.signal.reason : error;
    }
  },
};

/** A driver that is another program, by docker's plugin protocol. Its options are its own. */
export const pluginDriver: LogDriver = forwarded(() => undefined, forwarding);
