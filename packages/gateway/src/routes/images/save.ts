import { invalidArgument } from '@gantry/rpc';
import type { EngineClients } from '../../engine/engine';
import type { Exchange, Route } from '../../http/exchange';
import { archivePlatforms } from '../../http/platform';
import { download, needTicket } from '../../streams/bulk';

async function save(x: Exchange, engine: EngineClients, refs: string[]): Promise<void> {
  if (refs.length === 0) throw invalidArgument('no image names given');
  const platforms = archivePlatforms(x);
  const { save: saved } = await engine.images.saveImages(x.ctx, { save: { refs, platforms, from: '' } });
  await download(x, needTicket(saved?.ticket, 'the images'), { 'Content-Type': 'application/x-tar' });
}

export const imageGet: Route = {
  method: 'GET',
  path: '/images/{name:.*}/get',
  operation: 'ImageGet',
  handle: (x, engine) => save(x, engine, [x.params['name'] ?? '']),
};

export const imageGetAll: Route = {
  method: 'GET',
  path: '/images/get',
  operation: 'ImageGetAll',
  handle: (x, engine) =>
    save(
      x,
      engine,
      x.query
        .all('names')
        .flatMap((name) => name.split(','))
        .filter((name) => name !== ''),
    ),
};
