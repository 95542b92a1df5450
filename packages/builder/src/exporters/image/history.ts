import type { HistoryEntry } from '@gantry/oci';

/** What is known of a layer. */
export interface LayerAbout {
  readonly description: string;
  readonly created: Date | undefined;
}

/** The frontend's history brought in line with the layers that there are: what is missing is added, and every step has a time. */
export function alignHistory(history: readonly HistoryEntry[], layers: readonly LayerAbout[]): HistoryEntry[] {
  const counted = countLayers(history, layers.length);
  const made = counted.filter(({ empty_layer }) => empty_layer !== true).length;
  const whole = [
    ...counted,
    ...layers.slice(made).map(({ description, created }): HistoryEntry => ({
      ...(created === undefined ? {} : { created: created.toISOString() }),
      created_by: description === '' ? 'created by buildkit' : description,
      comment: 'buildkit.exporter.image.v0',
    })),
  ];
  let at = 0;
  const dated = whole.map((step) => {
    if (step.empty_layer === true) return step;
    const created = layers[at++]?.created;
    return step.created !== undefined || created === undefined ? step : { ...step, created: created.toISOString() };
  });
  return fillTimes(dated);
}

/** Steps that claim more layers than there are lose them, from the end. */
function countLayers(history: readonly HistoryEntry[], layers: number): HistoryEntry[] {
  let seen = 0;
  return history.map((step) => {
    if (step.empty_layer === true) return step;
    return seen++ < layers ? step : { ...step, empty_layer: true };
  });
}

/** A step without a time has that of the step before; those in front of all that have one take the first. */
function fillTimes(history: readonly HistoryEntry[]): HistoryEntry[] {
  const firstGap = history.findIndex(({ created }) => created === undefined);
  if (firstGap < 0) return [...history];
  let time =
    history.slice(firstGap).find(({ created }) => created !== undefined)?.created ??
    history.findLast(({ created }) => created !== undefined)?.created;
  return history.map((step, index) => {
    if (step.created !== undefined) {
      if (index > firstGap) time = step.created;
      return step;
    }
    return time === undefined ? step : { ...step, created: time };
  });
}

/** No time is later than the epoch, but those that the base image brought. */
export function clampHistory(history: readonly HistoryEntry[], base: readonly HistoryEntry[], epoch: number): HistoryEntry[] {
  let own = false;
  return history.map((step, at) => {
    own ||= at >= base.length || JSON.stringify(sorted(step)) !== JSON.stringify(sorted(base[at] ?? {}));
    return own && (step.created === undefined || Date.parse(step.created) > epoch * 1000) ? { ...step, created: epochText(epoch) } : step;
  });
}

const sorted = (step: HistoryEntry): [string, unknown][] => Object.entries(step).sort(([a], [b]) => (a < b ? -1 : 1));

/** RFC 3339 as Go writes it, without a fraction. */
export const epochText = (epoch: number): string => new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');
