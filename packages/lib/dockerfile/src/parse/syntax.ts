import { splitLine } from '../split-line';
import type { Escape } from '../lines';
import { jsonList } from './forms';
import { splitPairs } from './pairs';

/** What is wrong with a line before anybody looks at what its instruction means: a list that holds more than texts, a pair without value. */
export function checkSyntax(name: string, rest: string, escape: Escape): void {
  switch (name.toLowerCase()) {
    case 'add':
    case 'cmd':
    case 'copy':
    case 'entrypoint':
    case 'run':
    case 'shell':
    case 'volume':
      jsonList(rest);
      return;
    case 'healthcheck':
      jsonList(rest.replace(/^\S+\s*/, ''));
      return;
    case 'env':
    case 'label':
      splitPairs(name.toUpperCase(), rest, escape);
      return;
    case 'onbuild': {
      if (rest === '') return;
      const inner = splitLine(rest, escape);
      checkSyntax(inner.name, inner.rest, escape);
      return;
    }
    default:
  }
}
