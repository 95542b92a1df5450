import { invalidArgument } from '@gantry/rpc';
import type { Exchange, Route } from '../../http/exchange';
import { pathStatHeader } from '../../http/path-stat';

export function archivePath(x: Exchange): string {
  const path = x.query.text('path');
  if (path === '') throw invalidArgument('bad parameter: path cannot be empty');
  return path;
}

export const containerArchiveInfo: Route = {
  method: 'HEAD',
  path: '/containers/{name:.*}/archive',
  operation: 'ContainerArchiveInfo',
  async handle(x, engine) {
    const { stat } = await engine.containers.statArchive(x.ctx, { id: x.params['name'] ?? '', path: archivePath(x) });
    x.response.setHeader('X-Docker-Container-Path-Stat', pathStatHeader(stat));
    x.response.writeHead(200).end(); // no Content-Length: it would be the archive's
  },
};
