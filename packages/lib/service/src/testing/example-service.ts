import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import { notImplemented } from '@gantry/rpc';
import { runService } from '../run-service';
import type { ServiceSpec } from '../service';

/** A small whole service, for the tests of the life cycle. `crash` makes it throw where nobody catches. */
export const exampleService: ServiceSpec<{ greeting: string; peers: string[]; limits: { size: number } }> = {
  name: 'example',
  binary: 'gantry-example',
  version: '1.2.3',
  summary: 'answers',
  defaults: { greeting: 'hello', peers: [], limits: { size: 1 } },
  flags: {
    greeting: { type: 'string', help: 'what to say' },
    peer: { type: 'list', key: 'peers', help: 'another one' },
    'size-limit': { type: 'number', key: 'limits.size', help: 'largest size' },
  },
  compose: ({ createServer, socket, config, logger }) => {
    const server = createServer();
    const other = async (): Promise<never> => Promise.reject(notImplemented('not here'));
    server.addService(NamespacesService, {
      list: other,
      create: other,
      update: other,
      delete: other,
      get: async (_ctx, { name }) => {
        logger.info('greeting');
        if (name === 'crash') setImmediate(() => void Promise.reject(new Error('nobody catches this')));
        return { namespace: { name: `${config.greeting} ${name}`, labels: {} } };
      },
    });
    return { start: () => server.listen(socket()), stop: () => server.stop(1000) };
  },
};

/** Entry point of the process that the test builds. */
export function main(): void {
  runService(exampleService);
}
