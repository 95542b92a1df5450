import { parseStages, readLines } from '@gantry/dockerfile';
import type { Build } from '../ui/build';
import type { Answer } from '../ui/subrequests';
import { filled, placeOf } from './place';
import { table } from './table';

/** The stages that can be built. */
export function answerTargets({ entry }: Build): Answer {
  const { stages } = parseStages(readLines(entry.text));
  const targets = stages.map(({ stage, comment, base, platform, lines }, at) =>
    filled({
      name: stage,
      default: at === stages.length - 1,
      description: comment,
      base,
      platform: platform ?? '',
      location: placeOf(lines),
    }),
  );
  const rows = targets.map(({ name = '', description = '', default: isDefault = false }) => [
    isDefault ? (name === '' ? '(default)' : `${name} (default)`) : name,
    description,
  ]);
  const json = { targets, sources: [entry.source.data.toString('base64')] };
  return { version: '1.0.0', json, text: table([['TARGET', 'DESCRIPTION'], ...rows], 1) };
}
