import type { BuildCase } from '../case';

const expansion = (row: string, text: string): BuildCase => ({
  name: `expansion ${row}`,
  rows: [`(syntax) ${row}`],
  dockerfile: `FROM busybox\nENV v=one.two.three e=\nENV pat=two\nENV R=${text}\nLABEL L="${text}"\nWORKDIR /w/${text}\n`,
});

/** Words: variables, quotes, heredocs. */
export const words: readonly BuildCase[] = [
  expansion('${v:-word}', '${u:-word}${e:-empty}${v:-no}'),
  expansion('${v-word}', '${u-word}${e-no}x'),
  expansion('${v:+word}', 'a${u:+no}${e:+no}${v:+word}'),
  expansion('${v+word}', 'a${u+no}${e+set}${v+word}'),
  expansion('${v#pat}', '${v#*.}'),
  expansion('${v##pat}', '${v##*.}'),
  expansion('${v%pat}', '${v%.*}'),
  expansion('${v%%pat}', '${v%%.*}'),
  expansion('${v/pat/rep}', '${v/t??/X}'),
  expansion('${v//pat/rep}', '${v//t/X}'),
  { name: 'expansion of a nested default', rows: ['(syntax) ${v:-word}'], dockerfile: 'FROM busybox\nENV a=A\nENV r=${x:-${y:-$a}}\n' },
  { name: 'a variable that must be set', rows: ['ENV'], dockerfile: 'FROM busybox\nENV r=${x:?is needed}\n', fails: true },
  { name: 'a substitution that does not end', rows: ['ENV'], dockerfile: 'FROM busybox\nENV r=${x\n', fails: true },
  { name: 'an unknown modifier', rows: ['ENV'], dockerfile: 'FROM busybox\nENV r=${x:=y}\n', fails: true },
  {
    name: 'quotes and escapes',
    rows: ['ENV', 'LABEL'],
    dockerfile: 'FROM busybox\nENV a="x y" b=\'$a z\' c=\\$a d=x\\ y e="q\\"q"\nLABEL "k 1"="v\\\nw" k2=$a\n',
  },
  {
    name: 'a variable keeps its value within one instruction',
    rows: ['ENV'],
    dockerfile: 'FROM busybox\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\n',
  },
  { name: 'ENV in its old form', rows: ['ENV'], dockerfile: 'FROM busybox\nENV old value with  blanks\nENV two $old\n' },
  { name: 'ENV with one word', rows: ['ENV'], dockerfile: 'FROM busybox\nENV alone\n', fails: true },
  { name: 'ENV without a name', rows: ['ENV'], dockerfile: 'FROM busybox\nENV =x\n', fails: true },
  {
    name: 'a heredoc of commands',
    rows: ['(syntax) here-document', 'RUN'],
    dockerfile: 'FROM busybox\nRUN <<EOF\necho one > /one\necho "$HOME" > /two\nEOF\n',
  },
  {
    name: 'a heredoc with a shebang',
    rows: ['(syntax) here-document'],
    dockerfile: 'FROM busybox\nRUN <<EOF\n#!/bin/awk -f\nBEGIN { print "awk" > "/made" }\nEOF\n',
  },
  {
    name: 'a heredoc as input',
    rows: ['(syntax) here-document'],
    dockerfile: 'FROM busybox\nRUN cat > /f <<-EOF\n\tone\n\t\ttwo\n\tEOF\n',
  },
  {
    name: 'heredocs copied, with and without variables',
    rows: ['(syntax) here-document', 'COPY'],
    dockerfile: 'FROM scratch\nARG who=me\nCOPY <<EOF <<"RAW" /d/\nfor $who\nEOF\nfor $who\nRAW\nCOPY <<EOF /named\nx\nEOF\n',
  },
  {
    name: 'a heredoc added with a mode',
    rows: ['(syntax) here-document', 'ADD --chmod'],
    dockerfile: 'FROM scratch\nADD --chmod=750 <<EOF /x.sh\nx\nEOF\n',
  },
  { name: 'a heredoc that does not end', rows: ['(syntax) here-document'], dockerfile: 'FROM busybox\nRUN <<EOF\nx\n', fails: true },
  {
    name: 'JSON that is none is a command',
    rows: ['RUN', 'CMD'],
    dockerfile: "FROM busybox\nCMD ['a', 'b']\nRUN [ a = a ] && echo j > /j\n",
  },
  { name: 'a JSON list with a number', rows: ['RUN'], dockerfile: 'FROM busybox\nRUN ["no", 1]\n', fails: true },
];
