//! What a person does in the browser: opens the page of a presentation, comes back to it, confirms.
//!
//! The first browser that opens the page is bound to it; the wallet then sends the person back to the page, which looks
//! whether it is the same browser before it sends them on to the caller (HAIP 1.0 section 5.1, FIX-02).

use super::create_request::Created;
use super::{App, Failure};
use crate::domain::ids::{BrowserCookie, PageHandle};
use crate::domain::jose::hash::sha256;
use crate::domain::reason::{Code, Reason};
use crate::domain::transaction::{BrowserHash, Flow, ResponseCodeHash, Transaction};

/// What a page may show to the browser that asks.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The transaction with its links.
    pub created: Created,
    /// Whether another browser is bound. Then nothing may be shown that opens or continues anything.
    pub foreign: bool,
    /// Whether the page asks through the browser's Digital Credentials API, too.
    pub by_browser: bool,
}

fn unknown() -> Failure {
    Reason::new(Code::UnknownTransaction, "no such transaction").into()
}

/// The digest of a browser's cookie for one page: two transactions of one browser cannot be linked by it.
fn browser_hash(page: &PageHandle, cookie: &BrowserCookie) -> BrowserHash {
    BrowserHash::new(sha256(format!("{}\0{}", page.as_str(), cookie.as_str()).as_bytes()))
}

impl App {
    /// Opens the page of a presentation in the browser with this cookie, and binds it if it is the first.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`], and failures of the store.
    pub async fn open_page(&self, handle: &str, cookie: &BrowserCookie) -> Result<Opened, Failure> {
        let page = PageHandle::parse(handle).ok_or_else(unknown)?;
        let browser = browser_hash(&page, cookie);
        let step = |it: Transaction| {
            let current = it.sweep(self.now());
            Ok(match current.clone().open_page(browser) {
                Ok(next) => (next, false),
                Err(_) => (current, true),
            })
        };
        let (next, foreign) = self.change(self.by_page(&page).await?, step).await?.ok_or_else(unknown)?;
        let tenant = self.tenant(next.tenant())?;
        let by_browser = !foreign && self.hosted_offer(tenant, &next).is_some();
        Ok(Opened { created: self.created(tenant, next), foreign, by_browser })
    }

    /// The page of a presentation as the browser with this cookie may see it, without binding anybody.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`], [`Code::SessionMismatch`] where another browser is bound, and failures of the store.
    pub async fn bound_page(&self, handle: &str, cookie: Option<&BrowserCookie>) -> Result<Created, Failure> {
        let page = PageHandle::parse(handle).ok_or_else(unknown)?;
        let shown = self.by_page(&page).await?.sweep(self.now());
        let browser = cookie.map(|cookie| browser_hash(&page, cookie));
        if shown.browser().is_some_and(|bound| Some(*bound) != browser) {
            return Err(Reason::new(Code::SessionMismatch, "the page was opened by another browser first").into());
        }
        let tenant = self.tenant(shown.tenant())?;
        Ok(self.created(tenant, shown))
    }

    /// The person comes back to the page with the code from the redirect. Where all is well: the address of the caller
    /// to which the person goes on, with the code where there is something to read with it.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`], [`Code::SessionMismatch`] in another browser, [`Code::ResponseCodeInvalid`],
    /// [`Code::TransactionExpired`], and failures of the store.
    pub async fn return_to_page(
        &self,
        handle: &str,
        cookie: Option<&BrowserCookie>,
        code: &str,
    ) -> Result<String, Failure> {
        let page = PageHandle::parse(handle).ok_or_else(unknown)?;
        let browser = cookie.map(|cookie| browser_hash(&page, cookie));
        let hash = ResponseCodeHash::new(sha256(code.as_bytes()));
        let step = |it: Transaction| Ok(it.return_to_page(self.now(), browser, &hash));
        let (next, passed) = self.change(self.by_page(&page).await?, step).await?.ok_or_else(unknown)?;
        passed?;
        let Flow::SameDevice { return_url } = next.flow() else { return Err(unknown()) };
        super::receive_response::with_code(return_url, code)
    }

    /// The person says on the page whether the answer of a wallet was theirs.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`], [`Code::SessionMismatch`] from another browser, [`Code::TransactionExpired`] if
    /// nothing waits, and failures of the store.
    pub async fn confirm_on_page(&self, handle: &str, cookie: &BrowserCookie, yes: bool) -> Result<(), Failure> {
        let page = PageHandle::parse(handle).ok_or_else(unknown)?;
        let browser = browser_hash(&page, cookie);
        let step = |it: Transaction| Ok(it.confirm(self.now(), browser, yes));
        let (_, done) = self.change(self.by_page(&page).await?, step).await?.ok_or_else(unknown)?;
        Ok(done?)
    }

    async fn by_page(&self, page: &PageHandle) -> Result<Transaction, Failure> {
        // In the flow of the Digital Credentials API the page is the caller's own.
        let found = self.ports.store.by_page(page).await?.filter(|transaction| transaction.offer().is_none());
        found.ok_or_else(unknown)
    }
}
