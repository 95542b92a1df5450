import { messageCodec } from '@gantry/docker-api';
import { dataLoss, invalidArgument } from '@gantry/rpc';
import { sendJsonText } from '../../http/answer';
import { parsePlatformJson } from '../../http/platform';
import type { Route } from '../../http/exchange';

/** The in-toto statements that came with an image. */
export const imageAttestations: Route = {
  method: 'GET',
  path: '/images/{name:.*}/attestations',
  operation: 'ImageAttestations',
  async handle(x, engine) {
    const platforms = x.query.all('platform');
    if (platforms.length > 1) throw invalidArgument('only one platform value is currently supported');
    const [platform = ''] = platforms;
    const { attestations } = await engine.images.listAttestations(x.ctx, {
      attestations: {
        ref: x.params['name'] ?? '',
        platform: platform === '' ? undefined : parsePlatformJson(platform),
        predicateTypes: x.query
          .all('type')
          .map((type) => type.trim())
          .filter((type) => type !== ''),
        statements: x.query.flag('statement'),
      },
    });
    const codec = messageCodec('AttestationStatement');
    const told = (attestations?.attestations ?? []).map(({ descriptor, predicateType, statement }) => {
      const target = descriptor && { ...descriptor, urls: [], platform: undefined };
      const written = JSON.stringify(codec.write({ Descriptor: target, PredicateType: predicateType }, x.version));
      return statement.length === 0 ? written : `${written.slice(0, -1)},"Statement":${verbatim(statement, target?.digest ?? '')}}`;
    });
    sendJsonText(x, 200, `[${told.join(',')}]`);
  },
};

/** A statement as it is stored. Errors: dataLoss for one that is no JSON. */
function verbatim(statement: Uint8Array, digest: string): string {
  const text = Buffer.from(statement).toString();
  try {
    JSON.parse(text);
  } catch (error) {
    throw dataLoss(`attestation statement ${digest} is no JSON`, { cause: error });
  }
  return text;
}
