import { join } from 'node:path';
import { callApi, type CommandOptions, type CommandResult, type Engine } from '../harness';
import { configOf } from './oci-archive';

/** Where a build is done: who builds, and how the image is looked at afterwards. */
export interface BuildPlace {
  readonly folder: string;
  buildx(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** The exporter of the image of a build with this number. */
  output(number: number): string;
  /** Its config, the oldest line of history last; takes it away. */
  image(number: number): Promise<{ readonly config: unknown; readonly history: readonly string[] }>;
}

/** Images go into the engine's store. */
export const engineAsPlace = (engine: Engine): BuildPlace => ({
  folder: engine.folder,
  buildx: (args, options) => engine.docker(['buildx', ...args], options),
  output: (number) => `type=image,name=case:${number}`,
  async image(number) {
    const get = async (path: string): Promise<unknown> => JSON.parse((await callApi(engine, 'GET', `/images/case:${number}/${path}`)).body);
    const image = (await get('json')) as Record<string, unknown>;
    const history = (await get('history')) as readonly { readonly CreatedBy: string }[];
    await callApi(engine, 'DELETE', `/images/case:${number}`);
    return {
      config: { ...(image['Config'] as object), Os: image['Os'], Architecture: image['Architecture'], Author: image['Author'] ?? '' },
      history: history.map(({ CreatedBy }) => CreatedBy),
    };
  },
});

/** Images come as archives: the builder belongs to no engine. */
export const builderAsPlace = (builder: Pick<BuildPlace, 'folder' | 'buildx'>): BuildPlace => {
  const archive = (number: number): string => join(builder.folder, `image-${number}.tar`);
  return {
    ...builder,
    output: (number) => `type=oci,dest=${archive(number)}`,
    image: (number) => configOf(archive(number)),
  };
};
