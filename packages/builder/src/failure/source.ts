import type { Definition, Range, SourceInfo } from '@gantry/api/pb/ops';
import { type GantryError, withDetail } from '@gantry/rpc';

const TYPE = 'github.com/moby/buildkit/errdefs.Source+json';

/** Says where in a source file a failure comes from; clients print those lines. */
export function withSource(error: unknown, source: SourceInfo, ranges: readonly Range[]): GantryError {
  return withDetail(error, {
    typeUrl: TYPE,
    value: Buffer.from(JSON.stringify({ info: sourceJson(source), ranges: ranges.map(rangeJson) })),
  });
}

/** A source file as JSON in the form that BuildKit's clients read. */
export function sourceJson(source: SourceInfo): object {
  return {
    filename: source.filename,
    data: source.data.toString('base64'),
    ...(source.definition === undefined ? {} : { definition: definitionJson(source.definition) }),
    language: source.language,
  };
}

/** Numbers that are 0 are left out, as Go's encoder does. */
export function rangeJson({ start, end }: Range): object {
  const position = (at: Range['start']): object => ({
    ...(at === undefined || at.line === 0 ? {} : { line: at.line }),
    ...(at === undefined || at.character === 0 ? {} : { character: at.character }),
  });
  return { start: position(start), end: position(end) };
}

function definitionJson(definition: Definition): object {
  const metadata = Object.entries(definition.metadata).map(([digest, { ignoreCache, description, caps }]) => [
    digest,
    {
      ...(ignoreCache ? { ignore_cache: true } : {}),
      ...(Object.keys(description).length === 0 ? {} : { description }),
      ...(Object.keys(caps).length === 0 ? {} : { caps }),
    },
  ]);
  return {
    def: definition.def.map((bytes) => bytes.toString('base64')),
    metadata: Object.fromEntries(metadata) as object,
    ...(definition.Source === undefined ? {} : { Source: {} }),
  };
}
