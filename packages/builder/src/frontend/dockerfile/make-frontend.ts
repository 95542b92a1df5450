import type { SourceInfo } from '@gantry/api/pb/ops';
import { linesOf } from '@gantry/dockerfile';
import { hostPlatform, type Platform } from '@gantry/oci';
import { asGantryError } from '@gantry/rpc';
import { withSource } from '../../failure/source';
import { codes } from '../../failure/codes';
import { withoutCode } from '../../failure/without-code';
import type { Frontend, FrontendResult } from '../frontend';
import { rangesOf } from './convert/ranges';
import type { Request } from './request';
import { type Build, buildResult } from './ui/build';
import { checkFrontendCaps } from './ui/caps';
import { findContext } from './ui/context';
import { readEntry } from './ui/entry';
import { NamedContexts } from './ui/named-context';
import { readOptions } from './ui/options';
import { resolvingOnce } from './ui/resolve-once';
import { answerSubrequest } from './ui/subrequests';
import { findForeignSyntax, forward } from './ui/syntax';

/** The Dockerfile language (`dockerfile.v0`), as BuildKit's frontend reads it. `platform` is what the builder itself runs on. */
export function makeDockerfileFrontend({ platform = hostPlatform() }: { readonly platform?: Platform } = {}): Frontend {
  return {
    async solve(ctx, bridge, options, inputs, sessions) {
      try {
        return await solve({ ctx, bridge: resolvingOnce(bridge), options, inputs, sessionId: sessions.ids[0] ?? '', platform });
      } catch (error) {
        throw withoutCode(error, codes.frontend);
      }
    },
  };
}

async function solve(request: Request): Promise<FrontendResult> {
  const options = readOptions(request.options);
  const missing = checkFrontendCaps(request.options.get('frontend.caps') ?? '');
  const context = await findContext(request);
  const entry = await readEntry(request, context);
  const foreign = findForeignSyntax(request, entry);
  if (foreign !== undefined) return forward(request, entry, foreign);
  if (missing !== undefined) throw missing;
  const build: Build = { request, options, context, entry, contexts: new NamedContexts(request) };
  const answer = await answerSubrequest(build);
  if (answer !== undefined) return answer;
  try {
    return await buildResult(build);
  } catch (error) {
    throw withLines(error, entry.source);
  }
}

/** Says which lines of the Dockerfile a failure is about. */
function withLines(error: unknown, source: SourceInfo): unknown {
  const failure = asGantryError(error);
  for (const lines of linesOf(failure)) withSource(failure, source, rangesOf(lines));
  return failure;
}
