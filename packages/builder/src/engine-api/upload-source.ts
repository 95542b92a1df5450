import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withWritableMounts } from '@gantry/linux';
import { invalidArgument, notFound, notImplemented } from '@gantry/rpc';
import type { Refs } from '../refs/ref';
import type { Source } from '../sources/source';
import { isUpload, type Uploads } from './uploads';

const NAME = 'http.filename';

/** The tree that holds a client's body as one file, as if it had been downloaded; other URLs are left to `others`. */
export function withUploads(uploads: Uploads, refs: Pick<Refs, 'prepare'>, others: Source): Source {
  return {
    schemes: others.schemes,
    resolve: (step, request) =>
      isUpload(request.Source?.identifier ?? '')
        ? Promise.reject(notImplemented('an upload has no metadata'))
        : others.resolve(step, request),
    open(identifier, attributes, platform) {
      if (!isUpload(identifier)) return others.open(identifier, attributes, platform);
      const name = attributes[NAME] ?? 'download';
      if (name === '' || name === '.' || name === '..' || name.includes('/'))
        throw invalidArgument(`invalid file name ${JSON.stringify(name)}`);
      const body = uploads.find(identifier);
      if (body === undefined) throw notFound('the uploaded context is gone');
      return {
        key: () => Promise.resolve({ key: identifier, pin: identifier }),
        async tree({ call }) {
          const file = await body.file;
          const tree = await refs.prepare(call, undefined, { description: 'uploaded build context', type: 'source.local' });
          try {
            await withWritableMounts(tree.mounts, (path) => copyFile(file, join(path, name)));
            return await tree.commit(call);
          } catch (error) {
            await tree.discard();
            throw error;
          }
        },
      };
    },
  };
}
