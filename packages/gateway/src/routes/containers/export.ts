import { download, needTicket } from '../../streams/bulk';
import type { Route } from '../../http/exchange';

export const containerExport: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/export',
  operation: 'ContainerExport',
  async handle(x, engine) {
    const { ticket } = await engine.containers.export(x.ctx, { id: x.params['name'] ?? '' });
    await download(x, needTicket(ticket, 'the export'), { 'Content-Type': 'application/octet-stream' });
  },
};
