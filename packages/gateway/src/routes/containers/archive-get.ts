import type { Route } from '../../http/exchange';
import { pathStatHeader } from '../../http/path-stat';
import { download, needTicket } from '../../streams/bulk';
import { archivePath } from './archive-info';

export const containerArchive: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/archive',
  operation: 'ContainerArchive',
  async handle(x, engine) {
    const { stat, ticket } = await engine.containers.getArchive(x.ctx, { id: x.params['name'] ?? '', path: archivePath(x) });
    await download(x, needTicket(ticket, 'the archive'), {
      'Content-Type': 'application/x-tar',
      'X-Docker-Container-Path-Stat': pathStatHeader(stat),
    });
  },
};
