//! What is said of a panic: where it was. Its message may hold what it stumbled over, such as a part of a row, and goes
//! nowhere unless it was written so in the code.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{PanicHookInfo, set_hook};

/// From now on, a panic is a line of the log.
pub fn log_panics() {
    set_hook(Box::new(tell_panic));
}

fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let place = place.unwrap_or_default();
    let said = panic.payload().downcast_ref::<&'static str>();
    let said = said.copied().unwrap_or("not shown, it may hold a value");
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or_default();
    // where RUST_BACKTRACE asks for it
    let trace = Backtrace::capture();
    let trace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
    tracing::error!(
        place,
        thread,
        said,
        backtrace = trace,
        "panicked: a mistake of Landfall's, please report it"
    );
}
