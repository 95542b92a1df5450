import { internal } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';
import { type Upload, upload } from '../../streams/bulk';
import { archivePath } from './archive-info';

export const putContainerArchive: Route = {
  method: 'PUT',
  path: '/containers/{name:.*}/archive',
  operation: 'PutContainerArchive',
  async handle(x, engine) {
    const { query } = x;
    const request = {
      id: x.params['name'] ?? '',
      path: archivePath(x),
      noOverwriteDirNonDir: query.flag('noOverwriteDirNonDir'),
      copyUidGid: query.flag('copyUIDGID'),
    };
    let sending: Upload | undefined;
    for await (const message of engine.containers.putArchive(x.ctx, request)) {
      if (message.ticket !== undefined) sending = await upload(x.request, message.ticket, x.ctx.signal);
      if (!message.done) continue;
      sending?.finish();
      sendEmpty(x, 200);
      return;
    }
    throw internal(`the engine did not confirm the copy to ${request.path}`);
  },
};
