import { expand } from '@gantry/dockerfile';
import type { Dispatch } from '../convert/dispatch';
import { commit } from '../convert/image';
import { portsOf } from './ports';

export function dispatchExpose(at: Dispatch, words: readonly string[]): void {
  const { state, conversion, command } = at;
  const options = { lookup: (name: string) => state.env.get(name), escape: conversion.escape };
  const texts = words.toSorted().flatMap((word) => expand(word, options).words);
  const ports = texts.flatMap((text) => portsOf(text, (rule, message) => conversion.linter.report(rule, command.step.lines, message)));
  state.config.ExposedPorts = { ...state.config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  commit(state, `EXPOSE [${ports.join(' ')}]`, false, conversion.options.epoch);
}
