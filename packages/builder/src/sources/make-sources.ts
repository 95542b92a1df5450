import { join } from 'node:path';
import type { HttpClient, Registries } from '@gantry/registry';
import type { Logger } from '@gantry/rpc';
import type { SocketPaths } from '../ops/exec/special/ssh';
import type { Refs } from '../refs/ref';
import type { Sessions } from '../session/session';
import type { Store } from '../store';
import type { Services } from '../worker/services';
import { gitStateTable, makeGitSource } from './git/git-source';
import { Repositories } from './git/repository';
import { makeHttpSource } from './http/http-source';
import { httpStateTable, KnownFiles } from './http/known-files';
import { HeldImages } from './image/held-images';
import { makeImageSource } from './image/image-source';
import { type ImageResolver, makeImageResolver } from './image/resolver';
import { takeOverFrom } from './image/take-over';
import { makeLocalSource } from './local/local-source';
import { localStateTable, Places } from './local/places';
import { makeOciLayoutSource } from './oci-layout/oci-layout-source';
import type { Source } from './source';

/** Tables of this room. */
export const sourceTables = [localStateTable, httpStateTable, gitStateTable].join('\n');

export interface SourceNeeds {
  readonly services: Services;
  readonly refs: Refs;
  readonly sessions: Sessions;
  readonly store: Store;
  readonly registries: Registries;
  /** Namespace whose images are taken over where the store has none of that name; empty: of none. */
  readonly imagesFrom: string;
  readonly http: HttpClient;
  /** Path of gantry-native. */
  readonly program: string;
  /** Folder of the builder below the data root. */
  readonly data: string;
  readonly socketPath: SocketPaths;
  readonly logger: Logger;
  /** Puts what clients upload before the files of web servers. */
  readonly uploads: (http: Source) => Source;
}

export interface MadeSources {
  readonly sources: readonly Source[];
  readonly resolver: ImageResolver;
  /** To be waited for after the refs' start, before anything else is asked. */
  start(): Promise<void>;
  /** What was brought is written down. */
  settled(): Promise<void>;
}

/** All kinds of sources. */
export function makeSources(needs: SourceNeeds): MadeSources {
  const { services, refs, sessions, store, registries, http, program, data, socketPath, logger } = needs;
  const resolver = makeImageResolver(services, registries, new HeldImages(refs), takeOverFrom(services, needs.imagesFrom));
  const places = new Places(store, join(data, 'local'), logger);
  const repositories = new Repositories(join(data, 'git'));
  return {
    resolver,
    sources: [
      makeImageSource({ refs, resolver }),
      makeLocalSource({ refs, places, program, sessions }),
      needs.uploads(makeHttpSource({ refs, http, known: new KnownFiles(store), program })),
      makeGitSource({ refs, store, repositories, socketPath, program }),
      makeOciLayoutSource({ refs, sessions, services }),
    ],
    async start() {
      await places.start((record) => {
        const ref = refs.get(record);
        ref?.release();
        return ref !== undefined;
      });
      await repositories.start();
    },
    settled: () => places.settled(),
  };
}
