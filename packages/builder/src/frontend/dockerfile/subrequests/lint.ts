import { type Lines, linesOf } from '@gantry/dockerfile';
import { isGantryError } from '@gantry/rpc';
import { sourceJson } from '../../../failure/source';
import type { Rule } from '../lint/rules';
import { type Build, converter } from '../ui/build';
import type { Answer } from '../ui/subrequests';
import { excerpt } from './excerpt';
import { filled, placeOf } from './place';

interface Violation {
  readonly rule: Rule;
  readonly message: string;
  readonly lines: Lines;
}

/** What is wrong with how the Dockerfile is written; without a target all stages are looked at. */
export async function answerLint(build: Build): Promise<Answer> {
  const { entry, options } = build;
  const found: Violation[] = [];
  const tell = (rule: Rule, message: string, lines: Lines): void => void found.push({ rule, message, lines });
  let failure: Error | undefined;
  try {
    await converter(build)({ platform: undefined, tell, allStages: options.target === '' });
  } catch (error) {
    if (!isGantryError(error)) throw error;
    failure = error;
  }
  const warnings = found.map(({ rule, message, lines }) =>
    filled({ ruleName: rule.name, description: rule.description, url: rule.url, detail: message, location: placeOf(lines) }),
  );
  const json = {
    warnings: warnings.length === 0 ? null : warnings,
    sources: [sourceJson(entry.source)],
    ...(failure === undefined ? {} : { buildError: { message: failure.message, location: failurePlace(failure) } }),
  };
  const ordered = found.toSorted((a, b) => a.lines.start - b.lines.start);
  const text = ordered.map((violation) => print(violation, build)).join('');
  const status = found.length > 0 || failure !== undefined ? '1' : '0';
  return { version: '1.0.0', json, text, more: { 'result.statuscode': status } };
}

function print({ rule, message, lines }: Violation, { entry }: Build): string {
  const url = rule.url === '' ? '' : ` - ${rule.url}`;
  return `\nWARNING: ${rule.name}${url}\n${message}\n${excerpt(entry.source, [lines])}`;
}

/** The places of a failure, those that touch each other as one. */
function failurePlace(failure: Error): object {
  const sorted = linesOf(failure).toSorted((a, b) => a.start - b.start);
  const ranges: { start: number; end: number }[] = [];
  for (const { start, end } of sorted.flatMap(({ start: first, end: last }) =>
    Array.from({ length: Math.max(last - first, 0) + 1 }, (_none, at) => ({ start: first + at, end: first + at })),
  )) {
    const last = ranges.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else ranges.push({ start, end });
  }
  if (ranges.length === 0) return {};
  return { ranges: ranges.map(({ start, end }) => ({ start: { line: start }, end: { line: end } })) };
}
