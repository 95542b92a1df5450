import { join } from 'node:path';
import { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { connect, errorText, invalidArgument, newContext, type ServiceClient } from '@gantry/rpc';
import { commonDefaults, type FlagTable, helpText, loadConfig, readCommandLine } from '@gantry/service';
import { defaults, flags, type ImagesConfig } from '../config';

/** Exit codes: 0 done, 1 it failed, 2 wrong command line. */
const FAILED = 1;
const MISUSED = 2;

const own = {
  referrers: { type: 'boolean', help: 'pull, push: with all that refers to it (signatures, lists of parts), and what refers to that' },
  stored: { type: 'boolean', help: 'referrers: of the store, not of the registry' },
  type: { type: 'string', value: 'TYPE', help: 'referrers: of this artifact type only' },
  username: { type: 'string', value: 'NAME', help: 'name at the registry; the password is read from GANTRY_REGISTRY_PASSWORD' },
} as const satisfies FlagTable;

type Client = ServiceClient<typeof ImagesServiceService>;
interface Asked {
  readonly ref: string;
  readonly flags: ReadonlyMap<string, unknown>;
  readonly password: string;
}

/** `gantry-images artifact pull|push|referrers REF`: OCI artifacts of any kind, which docker's commands do not know, through the running service. */
export async function artifactCommand(argv: readonly string[], password: string): Promise<number> {
  const words = argv.filter((word) => !word.startsWith('-'));
  const [verb = '', ref = ''] = words;
  try {
    const line = readCommandLine(
      argv.filter((word) => word !== verb && word !== ref),
      { ...flags, ...own },
    );
    if (line.flags.get('help') === true) {
      process.stdout.write(
        helpText(
          'gantry-images artifact pull|push|referrers REF',
          'stores, lists and sends OCI artifacts',
          line.table,
          new Map([['run', commonDefaults.run]]),
        ),
      );
      return 0;
    }
    const act = Object.hasOwn(verbs, verb) ? verbs[verb as keyof typeof verbs] : undefined;
    if (act === undefined || ref === '')
      throw invalidArgument('usage: gantry-images artifact pull|push|referrers REF [flags, each with = before its value]');
    const config = loadConfig<ImagesConfig>('images', defaults, {
      ...line,
      flags: new Map([...line.flags].filter(([name]) => !Object.hasOwn(own, name))),
    });
    const connection = connect(join(config.run, 'images.sock'));
    try {
      await act(connection.client(ImagesServiceService), { ref, flags: line.flags, password });
      return 0;
    } catch (error) {
      process.stderr.write(`gantry-images artifact ${verb}: ${errorText(error)}\n`);
      return FAILED;
    } finally {
      connection.close();
    }
  } catch (error) {
    process.stderr.write(`gantry-images artifact: ${errorText(error)}\n`);
    return MISUSED;
  }
}

const authOf = ({ flags: given, password }: Asked) => {
  const username = given.get('username') as string | undefined;
  return username === undefined ? undefined : { username, password, identityToken: '', registryToken: '', serverAddress: '' };
};

const verbs = {
  async pull(client: Client, asked: Asked) {
    for await (const { target } of client.pullArtifact(newContext(), {
      ref: asked.ref,
      auth: authOf(asked),
      referrers: asked.flags.get('referrers') === true,
      name: '',
      metadataOnly: false,
    })) {
      if (target !== undefined) process.stdout.write(`${target.digest}\t${target.size}\t${target.mediaType}\n`);
    }
  },
  async push(client: Client, asked: Asked) {
    for await (const { progress } of client.pushArtifact(newContext(), {
      ref: asked.ref,
      auth: authOf(asked),
      referrers: asked.flags.get('referrers') === true,
    })) {
      if (progress?.id && progress.current === progress.total) process.stdout.write(`${progress.status}\t${progress.id}\n`);
    }
  },
  async referrers(client: Client, asked: Asked) {
    const artifactType = (asked.flags.get('type') as string | undefined) ?? '';
    const { referrers } = await client.listReferrers(newContext(), {
      ref: asked.ref,
      auth: authOf(asked),
      artifactType,
      stored: asked.flags.get('stored') === true,
    });
    for (const { descriptor, artifactType: type } of referrers)
      process.stdout.write(`${descriptor?.digest}\t${descriptor?.size}\t${type}\n`);
  },
};
