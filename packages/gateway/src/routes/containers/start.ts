import { detached, invalidArgument } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import { parseDetachKeys } from '../../streams/detach-keys';
import type { Route } from '../../http/exchange';

export const containerStart: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/start',
  operation: 'ContainerStart',
  async handle(x, engine) {
    // a body here was a HostConfig once; some clients still send an empty one
    const length = x.request.headers['transfer-encoding'] === undefined ? Number(x.request.headers['content-length'] ?? 0) : 8;
    if (length > 7)
      throw invalidArgument('starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24');
    parseDetachKeys(x.query.text('detachKeys'));
    const [checkpoint, checkpointDirectory] = [x.query.text('checkpoint'), x.query.text('checkpoint-dir')];
    if (checkpoint !== '' && x.experimental !== true) throw invalidArgument('checkpoint is only supported in experimental mode');
    await engine.containers.start(detached(x.ctx), { id: x.params['name'] ?? '', checkpoint, checkpointDirectory });
    sendEmpty(x, 204);
  },
};
