import type { LoadResponse } from '@gantry/api/gantry/images/v1/images';
import type { Exchange, Route } from '../../http/exchange';
import { archivePlatforms } from '../../http/platform';
import { type Upload, upload } from '../../streams/bulk';
import { JsonLines } from '../../streams/lines';
import { progressLine } from '../../streams/progress';

export const imageLoad: Route = {
  method: 'POST',
  path: '/images/load',
  operation: 'ImageLoad',
  async handle(x, engine) {
    const platforms = archivePlatforms(x);
    const call = engine.images.loadImages(x.ctx, { load: { quiet: x.query.flag('quiet'), platforms } });
    const lines = new JsonLines(x);
    let sending: Upload | undefined;
    try {
      for await (const { load } of call) {
        if (load?.ticket !== undefined) sending = await upload(x.request, load.ticket, x.ctx.signal);
        const line = load === undefined ? undefined : loadLine(load, x);
        if (line !== undefined) await lines.write(line);
      }
      sending?.finish();
      lines.end();
    } catch (error) {
      sending?.finish();
      if (sending !== undefined) lines.open(); // what is wrong with the archive is told in the stream, as dockerd does
      lines.fail(error);
    }
  },
};

/** A loaded image is told in a line of its own, unless the engine worded it already. */
function loadLine(load: LoadResponse, x: Exchange): object | undefined {
  const line = load.progress === undefined ? undefined : progressLine(load.progress, x.version);
  if (line !== undefined || load.imageId === '') return line;
  return { stream: load.familiarName === '' ? `Loaded image ID: ${load.imageId}\n` : `Loaded image: ${load.familiarName}\n` };
}
