//! Text into an expression: a parser by precedence, written by hand so that each error can say what it expected.
//!
//! ```text
//! text       = { "let" name "=" expression ";" } expression
//! expression = or;  or = and { "or" and };  and = not { "and" not };  not = "not" not | compare
//! compare    = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
//! sum        = product { ("+" | "-") product };  product = sign { ("*" | "/") sign };  sign = "-" sign | leaf
//! leaf       = number [suffix] | "true" | "false" | name | function "(" expression { "," expression } ")" | "(" expression ")"
//! ```
//! Precedence is climbed as in Pratt, "Top down operator precedence", 1973. It must not panic on any text.

use crate::arena::{Arena, BuildError, Limits};
use crate::expr::{Expr, WIDE};
use crate::lex::{Place, Token, TokenKind, tokens};
use crate::node::{BinaryOp, Literal, NAME_RULE, Name, Node, NodeId, UnaryOp, is_name};
use crate::unit::Suffix;

/// A text that is no expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ParseError {
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub problem: ParseProblem,
}

/// What is wrong at a place of a text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParseProblem {
    /// A token where another is expected.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What may stand there.
        expected: &'static str,
        /// The token.
        found: String,
    },
    /// A character that begins no token.
    #[error("`{found}` is no sign of the language")]
    Character {
        /// The character.
        found: char,
    },
    /// A number that is too large.
    #[error("`{found}` is not a number below 1.8e308")]
    Number {
        /// As written.
        found: String,
    },
    /// A suffix that is none.
    #[error("`{found}` is no unit; there is: {}", known_suffixes())]
    Suffix {
        /// As written.
        found: String,
    },
    /// A function that is none.
    #[error("there is no function `{found}`; there is: {FUNCTIONS}")]
    Function {
        /// As written.
        found: String,
    },
    /// A function with the wrong number of arguments.
    #[error("`{function}` takes {expected}, and {found} are given")]
    Arguments {
        /// The function.
        function: String,
        /// How many it takes.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
    /// The power in `pow` is not a small whole number.
    #[error("the power in `pow(x, n)` is written as a whole number from 2 to 8")]
    Power,
    /// A name that may not be bound.
    #[error("`{name}` may not be bound: a name is {NAME_RULE}")]
    Name {
        /// As written.
        name: String,
    },
    /// A name bound twice.
    #[error("`{name}` is bound a second time")]
    BoundTwice {
        /// The name.
        name: String,
    },
    /// A binding without use.
    #[error("`{name}` is bound and never used")]
    Unused {
        /// The name.
        name: String,
    },
    /// Too long a text.
    #[error("the text has {bytes} bytes, and {most} are the most")]
    TooLong {
        /// How many it has.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// A limit, or a condition where a number belongs.
    #[error(transparent)]
    Build(#[from] BuildError),
}

const FUNCTIONS: &str = "min, max, if, abs, clamp, sqrt, log2, exp, floor, pow";

fn known_suffixes() -> String {
    Suffix::ALL.map(|suffix| suffix.text).join(", ")
}

impl Expr {
    /// Reads an expression, within the default [`Limits`].
    ///
    /// # Errors
    /// With line, column, what was found and what was expected.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_within(text, Limits::default())
    }

    /// Reads an expression within other limits.
    ///
    /// # Errors
    /// With line, column, what was found and what was expected.
    pub fn parse_within(text: &str, limits: Limits) -> Result<Self, ParseError> {
        let start = Place { line: 1, column: 1 };
        if text.len() > limits.bytes {
            let problem = ParseProblem::TooLong { bytes: text.len(), most: limits.bytes };
            return Err(ParseError { place: start, problem });
        }
        let mut parser = Parser {
            tokens: tokens(text)?,
            at: 0,
            nesting: 0,
            limits,
            arena: Arena::new(Limits { depth: limits.depth.min(WIDE.depth), ..limits }),
            places: Vec::new(),
            bindings: Vec::new(),
        };
        let root = parser.text()?;
        Self::finish_placed(&parser.arena, root, &parser.places, limits)
            .map_err(|problem| ParseError { place: start, problem: problem.into() })
    }
}

struct Binding<'a> {
    name: &'a str,
    place: Place,
    id: NodeId,
    is_used: bool,
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    nesting: usize,
    limits: Limits,
    arena: Arena,
    places: Vec<Place>,
    bindings: Vec<Binding<'a>>,
}

/// How tightly an operator binds; operands of one level are grouped from the left.
pub(crate) mod binding_power {
    pub(crate) const OR: u8 = 1;
    pub(crate) const AND: u8 = 2;
    pub(crate) const NOT: u8 = 3;
    pub(crate) const COMPARE: u8 = 4;
    pub(crate) const SUM: u8 = 5;
    pub(crate) const PRODUCT: u8 = 6;
    pub(crate) const SIGN: u8 = 7;
}
use binding_power::{AND, COMPARE, NOT, OR, PRODUCT, SIGN, SUM};

fn infix(kind: TokenKind<'_>) -> Option<(BinaryOp, u8)> {
    let (TokenKind::Sign(text) | TokenKind::Word(text)) = kind else { return None };
    let op = BinaryOp::ALL.into_iter().find(|op| op.text() == text)?;
    power_of(op).map(|power| (op, power))
}

/// How tightly an operator that is written between its operands binds.
pub(crate) fn power_of(op: BinaryOp) -> Option<u8> {
    match op {
        BinaryOp::Min | BinaryOp::Max => None,
        BinaryOp::Or => Some(OR),
        BinaryOp::And => Some(AND),
        BinaryOp::Add | BinaryOp::Sub => Some(SUM),
        BinaryOp::Mul | BinaryOp::Div => Some(PRODUCT),
        _ => Some(COMPARE),
    }
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens[self.at]
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn is_at(&self, sign: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Sign(text) | TokenKind::Word(text) if text == sign)
    }

    fn unexpected(&self, expected: &'static str) -> ParseError {
        let Token { kind, place } = self.peek();
        ParseError { place, problem: ParseProblem::Unexpected { expected, found: kind.to_string() } }
    }

    fn expect(&mut self, sign: &str, expected: &'static str) -> Result<Token<'a>, ParseError> {
        if self.is_at(sign) { Ok(self.take()) } else { Err(self.unexpected(expected)) }
    }

    fn add(&mut self, node: Node, place: Place) -> Result<NodeId, ParseError> {
        let id = self.arena.add(node).map_err(|problem| ParseError { place, problem: problem.into() })?;
        if id.index() == self.places.len() {
            self.places.push(place);
        }
        Ok(id)
    }

    fn text(&mut self) -> Result<NodeId, ParseError> {
        while self.is_at("let") {
            self.binding()?;
        }
        let root = self.expression(0)?;
        if self.peek().kind != TokenKind::End {
            return Err(self.unexpected("an operator or the end of the text"));
        }
        match self.bindings.iter().find(|binding| !binding.is_used) {
            Some(Binding { name, place, .. }) => {
                Err(ParseError { place: *place, problem: ParseProblem::Unused { name: (*name).to_owned() } })
            }
            None => Ok(root),
        }
    }

    fn binding(&mut self) -> Result<(), ParseError> {
        self.take();
        let Token { kind: TokenKind::Word(name), place } = self.peek() else {
            return Err(self.unexpected("a name to bind"));
        };
        let owned = || name.to_owned();
        if !is_name(name) {
            return Err(ParseError { place, problem: ParseProblem::Name { name: owned() } });
        }
        if self.bindings.iter().any(|binding| binding.name == name) {
            return Err(ParseError { place, problem: ParseProblem::BoundTwice { name: owned() } });
        }
        self.take();
        self.expect("=", "`=` after the name")?;
        let id = self.expression(0)?;
        self.expect(";", "an operator, or `;` at the end of the binding")?;
        self.bindings.push(Binding { name, place, id, is_used: false });
        Ok(())
    }

    /// An expression whose operators bind tighter than `least`.
    fn expression(&mut self, least: u8) -> Result<NodeId, ParseError> {
        self.nesting += 1;
        if self.nesting > (2 * self.limits.depth + 2).min(NESTING_MAX) {
            let problem = BuildError::TooDeep { most: self.limits.depth.min(NESTING_MAX / 2 - 1) }.into();
            return Err(ParseError { place: self.peek().place, problem });
        }
        let mut left = self.prefix(least)?;
        while let Some((op, power)) = infix(self.peek().kind).filter(|(_, power)| *power > least) {
            let place = self.take().place;
            let right = self.expression(power)?;
            left = self.add(Node::Binary(op, left, right), place)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn prefix(&mut self, least: u8) -> Result<NodeId, ParseError> {
        const OPERAND: &str = "a number, a name, a function or `(`";
        let Token { kind, place } = self.peek();
        match kind {
            TokenKind::Sign("-") => {
                self.take();
                if let TokenKind::Number(digits, suffix) = self.peek().kind {
                    self.take();
                    return self.number(digits, suffix, -1.0, place);
                }
                let operand = self.expression(SIGN)?;
                self.add(Node::Unary(UnaryOp::Neg, operand), place)
            }
            TokenKind::Sign("(") => {
                self.take();
                let inner = self.expression(0)?;
                self.expect(")", "an operator or `)`")?;
                Ok(inner)
            }
            TokenKind::Number(digits, suffix) => {
                self.take();
                self.number(digits, suffix, 1.0, place)
            }
            TokenKind::Word("not") if least <= NOT => {
                self.take();
                let operand = self.expression(NOT - 1)?;
                self.add(Node::Unary(UnaryOp::Not, operand), place)
            }
            TokenKind::Word("true" | "false") => {
                self.take();
                self.add(Node::Truth(kind == TokenKind::Word("true")), place)
            }
            TokenKind::Word("not" | "and" | "or" | "let" | "then" | "else") => Err(self.unexpected(OPERAND)),
            TokenKind::Word(word) => self.word(word, place),
            TokenKind::Sign(_) | TokenKind::End => Err(self.unexpected(OPERAND)),
        }
    }

    fn number(&mut self, digits: &str, suffix: &str, sign: f64, place: Place) -> Result<NodeId, ParseError> {
        let unit = if suffix.is_empty() { None } else { Suffix::by_text(suffix) };
        if !suffix.is_empty() && unit.is_none() {
            return Err(ParseError { place, problem: ParseProblem::Suffix { found: suffix.to_owned() } });
        }
        let value = digits.replace('_', "").parse::<f64>().ok().map(|v| sign * v * unit.map_or(1.0, |u| u.scale));
        match value.and_then(|value| Literal::new(value, unit.map(|unit| unit.dimension))) {
            Some(literal) => self.add(Node::Number(literal), place),
            None => Err(ParseError { place, problem: ParseProblem::Number { found: format!("{digits}{suffix}") } }),
        }
    }

    /// A name, or a function when `(` follows.
    fn word(&mut self, word: &str, place: Place) -> Result<NodeId, ParseError> {
        self.take();
        if self.is_at("(") {
            self.take();
            return self.call(word, place);
        }
        match self.bindings.iter_mut().find(|binding| binding.name == word) {
            Some(binding) => {
                binding.is_used = true;
                Ok(binding.id)
            }
            None => self.add(Node::Input(Name::from(word)), place),
        }
    }

    fn call(&mut self, function: &str, place: Place) -> Result<NodeId, ParseError> {
        if !FUNCTIONS.split(", ").any(|known| known == function) {
            return Err(ParseError { place, problem: ParseProblem::Function { found: function.to_owned() } });
        }
        let mut arguments = vec![self.expression(0)?];
        let mut last = self.peek();
        while self.is_at(",") {
            self.take();
            last = self.peek();
            arguments.push(self.expression(0)?);
        }
        let is_literal = self.at > 0 && self.tokens[self.at - 1] == last;
        self.expect(")", "an operator, `,` or `)`")?;
        let power = if is_literal { last.kind } else { TokenKind::End };
        self.apply(function, &arguments, power, place)
    }

    fn apply(
        &mut self,
        function: &str,
        arguments: &[NodeId],
        power: TokenKind<'_>,
        place: Place,
    ) -> Result<NodeId, ParseError> {
        let one = UnaryOp::ALL.into_iter().find(|op| op.text() == function);
        match (function, arguments) {
            ("min" | "max", [first, rest @ ..]) if !rest.is_empty() => {
                let op = if function == "min" { BinaryOp::Min } else { BinaryOp::Max };
                rest.iter().try_fold(*first, |left, right| self.add(Node::Binary(op, left, *right), place))
            }
            ("if", [condition, a, b]) => self.add(Node::If(*condition, *a, *b), place),
            ("clamp", [x, low, high]) => {
                let held = self.add(Node::Binary(BinaryOp::Min, *x, *high), place)?;
                self.add(Node::Binary(BinaryOp::Max, held, *low), place)
            }
            ("pow", [x, _]) => self.power(*x, power, place),
            (_, [x]) if one.is_some() => self.add(Node::Unary(one.unwrap_or(UnaryOp::Abs), *x), place),
            _ => {
                let expected = match function {
                    "min" | "max" => "two or more arguments",
                    "if" | "clamp" => "three arguments",
                    "pow" => "two arguments",
                    _ => "one argument",
                };
                let problem =
                    ParseProblem::Arguments { function: function.to_owned(), expected, found: arguments.len() };
                Err(ParseError { place, problem })
            }
        }
    }

    /// `x` times itself, from the left.
    fn power(&mut self, x: NodeId, power: TokenKind<'_>, place: Place) -> Result<NodeId, ParseError> {
        let times = match power {
            TokenKind::Number(digits, "") => digits.parse::<u8>().ok().filter(|times| (2..=8).contains(times)),
            _ => None,
        };
        let times = times.ok_or(ParseError { place, problem: ParseProblem::Power })?;
        (1..times).try_fold(x, |product, _| self.add(Node::Binary(BinaryOp::Mul, product, x), place))
    }
}

/// Most operands nested in each other, whatever the caller's limits: each takes a frame of the stack. A level of an expression
/// takes at most two, one for the operand and one for its parentheses.
const NESTING_MAX: usize = 514;

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        Expr::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
    }

    #[test]
    fn operators_bind_as_in_arithmetic() {
        assert_eq!(Expr::parse("a + b * c - d / e").unwrap(), Expr::parse("(a + (b * c)) - (d / e)").unwrap());
        assert_eq!(Expr::parse("a - b - c").unwrap(), Expr::parse("(a - b) - c").unwrap());
        assert_ne!(Expr::parse("a - b - c").unwrap(), Expr::parse("a - (b - c)").unwrap());
        assert_eq!(
            Expr::parse("not a < b and c < d or d < 1").unwrap(),
            Expr::parse("((not (a < b)) and (c < d)) or (d < 1)").unwrap()
        );
        assert_eq!(printed("-a * b"), "-a * b");
        assert_eq!(printed("-(a * b)"), "-(a * b)");
    }

    #[test]
    fn bindings_and_short_forms_are_written_out() {
        assert_eq!(printed("let share = a / b; # of one\nlet twice = 2 * share; twice"), "2 * (a / b)");
        assert_eq!(printed("clamp(x, 0, 1)"), "max(min(x, 1), 0)");
        assert_eq!(printed("min(a, b, c)"), "min(a, b, c)");
        assert_eq!(printed("pow(x, 3)"), "x * x * x");
    }

    #[test]
    fn an_error_says_where_what_was_found_and_what_was_expected() {
        let cases = [
            ("", "line 1, column 1: expected a number, a name, a function or `(`, found the end of the text"),
            ("1 +", "line 1, column 4: expected a number, a name, a function or `(`, found the end of the text"),
            ("(a", "line 1, column 3: expected an operator or `)`, found the end of the text"),
            ("a b", "line 1, column 3: expected an operator or the end of the text, found `b`"),
            ("let a = 1;\na + * 2", "line 2, column 5: expected a number, a name, a function or `(`, found `*`"),
            ("let a = 1; 2", "line 1, column 5: `a` is bound and never used"),
            ("let a = 1; let a = 2; a", "line 1, column 16: `a` is bound a second time"),
            ("let 5 = 1; a", "line 1, column 5: expected a name to bind, found `5`"),
            (
                "1 + median(a)",
                "line 1, column 5: there is no function `median`; there is: min, max, if, abs, clamp, sqrt, log2, exp, floor, pow",
            ),
            ("min(a)", "line 1, column 1: `min` takes two or more arguments, and 1 are given"),
            ("pow(a, b)", "line 1, column 1: the power in `pow(x, n)` is written as a whole number from 2 to 8"),
            ("pow(a, 1 + 2)", "line 1, column 1: the power in `pow(x, n)` is written as a whole number from 2 to 8"),
            ("1e999", "line 1, column 1: `1e999` is not a number below 1.8e308"),
            ("a < b < c", "line 1, column 7: `<` takes a number and was given a condition"),
            ("if(a, b, c)", "line 1, column 1: `if` takes a condition and was given a number"),
            ("1 + not a", "line 1, column 5: expected a number, a name, a function or `(`, found `not`"),
            (
                "a.",
                "line 1, column 1: `a.` is not a name: a letter, then letters, digits, `_` and inner dots, at most 64 bytes, and no word of the language",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Expr::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
        assert!(
            Expr::parse("2parsec")
                .unwrap_err()
                .to_string()
                .starts_with("line 1, column 1: `parsec` is no unit; there is: mcpu, cpu, B,")
        );
    }

    #[test]
    fn every_limit_is_an_error_and_none_a_crash() {
        let nested = format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(Expr::parse(&nested).unwrap_err().to_string().contains("nested deeper than 256 levels"));
        assert!(Expr::parse(&"-".repeat(9_000)).unwrap_err().to_string().contains("nested deeper"));
        let wide = (0..300).map(|i| format!("a{i}")).collect::<Vec<_>>();
        assert!(Expr::parse(&format!("min({})", wide.join(","))).is_err());
        let limits = Limits { depth: 3, ..Limits::default() };
        assert!(Expr::parse_within("a + b * c", limits).is_ok());
        let error = Expr::parse_within("a + b * -c", limits).unwrap_err();
        assert_eq!(error.to_string(), "line 1, column 3: nested deeper than 3 levels");
        assert!(
            Expr::parse(&" ".repeat(70_000)).unwrap_err().to_string().contains("70000 bytes, and 65536 are the most")
        );
    }
}
