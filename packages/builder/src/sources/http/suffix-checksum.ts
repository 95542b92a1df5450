import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ChecksumRequest,
  ChecksumRequest_ChecksumAlgo as Algo,
  type ChecksumResponse,
} from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { type CallContext, internal, invalidArgument } from '@gantry/rpc';
import type { Refs } from '../../refs/ref';
import type { KnownFile } from './known-files';

/** No signature has a longer one. */
const MOST_BYTES = 4096;
const algorithms: ReadonlyMap<number, string> = new Map([
  [Algo.CHECKSUM_ALGO_SHA256, 'sha256'],
  [Algo.CHECKSUM_ALGO_SHA384, 'sha384'],
  [Algo.CHECKSUM_ALGO_SHA512, 'sha512'],
]);

/** Refuses what cannot be answered before anything is fetched. */
export function checkedAlgorithm({ Algo: algo, Suffix }: ChecksumRequest): string {
  const found = algorithms.get(algo);
  if (found === undefined) throw invalidArgument(`unsupported checksum algorithm ${algo}`);
  if (Suffix.length > MOST_BYTES) throw invalidArgument(`http checksum request suffix exceeds max size ${MOST_BYTES}`);
  return found;
}

/** The checksum of a file followed by some bytes: what a signature of it signs. */
export async function suffixChecksum(
  refs: Pick<Refs, 'get' | 'withTree'>,
  ctx: CallContext,
  { record, filename }: KnownFile,
  request: ChecksumRequest,
): Promise<ChecksumResponse> {
  const algorithm = checkedAlgorithm(request);
  const ref = refs.get(record);
  if (ref === undefined) throw internal(`tree of ${filename} is gone`);
  try {
    const hash = createHash(algorithm);
    await refs.withTree(ctx, ref, async (root) => {
      const file = await open(join(root, filename), constants.O_RDONLY | constants.O_NOFOLLOW);
      for await (const part of file.createReadStream()) hash.update(part as Buffer);
    });
    return { Digest: `${algorithm}:${hash.update(request.Suffix).digest('hex')}`, Suffix: request.Suffix };
  } finally {
    ref.release();
  }
}
