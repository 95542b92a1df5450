import type { CheckRequest, CheckResponse } from '@gantry/api/gantry/images/v1/images';
import type { Checker } from '../check/checker';

/** Every finding as it is found, and a summary last. */
export async function* check(checker: Checker, { repair }: CheckRequest): AsyncGenerator<CheckResponse> {
  const run = checker.run({ repair });
  for (;;) {
    const next = await run.next();
    if (next.done !== true) {
      yield { finding: { ...next.value }, summary: undefined };
      continue;
    }
    const { blobs, blobBytes, snapshots, unverified, findings, unrepaired } = next.value;
    const numbers = {
      blobs: BigInt(blobs),
      blobBytes: BigInt(blobBytes),
      snapshots: BigInt(snapshots),
      unverifiedSnapshots: BigInt(unverified),
      findings: BigInt(findings),
      unrepaired: BigInt(unrepaired),
    };
    yield { finding: undefined, summary: numbers };
    return;
  }
}
