import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';
import { type Upload, upload } from '../../streams/bulk';

export const pluginCreate: Route = {
  method: 'POST',
  path: '/plugins/create',
  operation: 'PluginCreate',
  async handle(x, engine) {
    let sending: Upload | undefined;
    try {
      for await (const { ticket } of engine.plugins.createPlugin(x.ctx, { name: x.query.text('name') }))
        if (ticket !== undefined) sending = await upload(x.request, ticket, x.ctx.signal);
    } finally {
      sending?.finish();
    }
    sendEmpty(x, 204);
  },
};
