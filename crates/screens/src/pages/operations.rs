//! 認可業務選択: which operations the partner may use.

use askama::Template;
use renkei_domain::flow::Screen;
use renkei_domain::operation::Operation;

use crate::frame::{ErrorLine, Frame, Page};
use crate::pages::renders;

/// An operation that may be ticked.
#[derive(Debug, Clone, Copy)]
pub struct OperationLine {
    /// Which.
    pub operation: Operation,
    /// Whether it is ticked.
    pub ticked: bool,
}

/// Posts `operation` (repeated) to `{base}/operations`.
#[derive(Debug, Clone, Template)]
#[template(path = "operations.html")]
pub struct OperationsPage {
    /// The common frame, with a flow.
    pub frame: Frame,
    /// What the product offers, in the order of [`Operation::ALL`].
    pub operations: Vec<OperationLine>,
    /// Whether the form comes back because nothing was ticked.
    pub none_ticked: bool,
}

impl Page for OperationsPage {
    const STEP: Option<Screen> = Some(Screen::Operations);

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("operations-heading").to_string()
    }

    fn errors(&self) -> Vec<ErrorLine> {
        let first = self.operations.first().filter(|_| self.none_ticked);
        let line = |line: &OperationLine| ErrorLine {
            field: format!("operation-{}", line.operation.word()),
            text: self.frame.say("operations-none").to_string(),
        };
        first.map(line).into_iter().collect()
    }
}

/// What customers call an operation.
pub(crate) fn operation_name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Balances => "operation-balances",
        Operation::Transactions => "operation-transactions",
    }
}

/// What it hands over, in a customer's words.
pub(crate) fn operation_data(operation: &Operation) -> &'static str {
    match operation {
        Operation::Balances => "operation-balances-data",
        Operation::Transactions => "operation-transactions-data",
    }
}

renders!(OperationsPage);
