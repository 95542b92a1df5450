import { constants } from 'node:os';
import { Signal } from '@gantry/api/runtime/v1/api';
import { unknown } from '../failures';

/** Real-time signals begin here (glibc keeps the first two to itself). */
const RTMIN = 34;
const RTMAX = 64;

/** The number of a signal by name or number: `SIGUSR1`, `usr1`, `SIGRTMIN+3`, `10`. Undefined: there is none. */
export function signalNumber(text: string): number | undefined {
  if (/^[0-9]+$/.test(text)) return Number(text) >= 1 && Number(text) <= RTMAX ? Number(text) : undefined;
  const name = text.toUpperCase().replace(/^SIG/, '');
  const real = /^RT(MIN|MAX)(?:([+-])([0-9]+))?$/.exec(name);
  if (real !== null) {
    const number = (real[1] === 'MIN' ? RTMIN : RTMAX) + (real[2] === '-' ? -1 : 1) * Number(real[3] ?? 0);
    return number >= RTMIN && number <= RTMAX ? number : undefined;
  }
  const known: Readonly<Record<string, number>> = constants.signals;
  return known[`SIG${name === 'CLD' ? 'CHLD' : name}`];
}

/** kubelet's word first, then the image's, then SIGTERM. Errors: unknown for a word that is no signal. */
export function stopSignalOf(asked: Signal, image: string | undefined): number {
  const name =
    asked === Signal.SIGNAL_RUNTIME_DEFAULT ? undefined : Signal[asked].replace('SIGNAL_', '').replace('PLUS', '+').replace('MINUS', '-');
  const text = name ?? image ?? '';
  if (text === '') return constants.signals.SIGTERM;
  const number = signalNumber(text);
  if (number === undefined) throw unknown(`stop signal "${text}" is not known`);
  return number;
}

/** The same signal in kubelet's words. */
export function signalWord(number: number): Signal {
  for (let signal = Signal.SIGNAL_SIGABRT; signal <= Signal.SIGNAL_SIGRTMAX; signal++)
    if (stopSignalOf(signal, undefined) === number && (number === constants.signals.SIGTERM ? signal === Signal.SIGNAL_SIGTERM : true))
      return signal;
  return Signal.SIGNAL_RUNTIME_DEFAULT;
}
