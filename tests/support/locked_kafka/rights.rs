//! Rights and passwords at a broker, in milliseconds: `kafka-acls` and `kafka-configs` take seconds each.
//!
//! rdkafka has no safe calls for them.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminClient;
use rdkafka::bindings as rd;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;

use crate::support::PATIENCE;

const WAIT_MS: i32 = 20_000;

/// What somebody may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// `User:…`
    pub principal: String,
    pub operation: rd::rd_kafka_AclOperation_t,
    pub on: rd::rd_kafka_ResourceType_t,
    pub pattern: rd::rd_kafka_ResourcePatternType_t,
    pub name: String,
}

pub use rd::rd_kafka_AclOperation_t as Operation;
pub use rd::rd_kafka_ResourcePatternType_t as Pattern;
pub use rd::rd_kafka_ResourceType_t as Resource;

pub struct Admin(AdminClient<DefaultClientContext>);

impl Admin {
    pub fn at(broker: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker);
        Self(config.create().expect("an admin client"))
    }

    /// It holds once this has returned.
    pub fn grant(&self, right: &Right) {
        self.ask(|client, queue| unsafe {
            let mut acl = [right.binding(rd::rd_kafka_AclBinding_new)];
            rd::rd_kafka_CreateAcls(client, acl.as_mut_ptr(), 1, null_mut(), queue);
            rd::rd_kafka_AclBinding_destroy(acl[0]);
        });
        self.wait_until_it_holds(right, true);
    }

    /// It holds no longer once this has returned.
    pub fn take(&self, right: &Right) {
        self.ask(|client, queue| unsafe {
            let mut acl = [right.binding(rd::rd_kafka_AclBindingFilter_new)];
            rd::rd_kafka_DeleteAcls(client, acl.as_mut_ptr(), 1, null_mut(), queue);
            rd::rd_kafka_AclBinding_destroy(acl[0]);
        });
        self.wait_until_it_holds(right, false);
    }

    /// The controller answers before the broker has heard of it, which tells the rights that it goes by.
    fn wait_until_it_holds(&self, right: &Right, holds: bool) {
        let since = Instant::now();
        while self.rights_of(&right.principal).contains(right) != holds {
            assert!(since.elapsed() < PATIENCE, "{right:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What these principals may do.
    pub fn rights_of(&self, principal: &str) -> Vec<Right> {
        let c_principal = CString::new(principal).expect("no zero");
        let event = self.ask(|client, queue| unsafe {
            let filter = rd::rd_kafka_AclBindingFilter_new(
                Resource::RD_KAFKA_RESOURCE_ANY,
                null_mut(),
                Pattern::RD_KAFKA_RESOURCE_PATTERN_ANY,
                c_principal.as_ptr(),
                null_mut(),
                Operation::RD_KAFKA_ACL_OPERATION_ANY,
                rd::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ANY,
                null_mut(),
                0,
            );
            rd::rd_kafka_DescribeAcls(client, filter, null_mut(), queue);
            rd::rd_kafka_AclBinding_destroy(filter);
        });
        let mut count = 0;
        unsafe {
            let result = rd::rd_kafka_event_DescribeAcls_result(event.0);
            let acls = rd::rd_kafka_DescribeAcls_result_acls(result, &mut count);
            let right = |at| {
                let acl = *acls.add(at);
                Right {
                    principal: principal.to_owned(),
                    operation: rd::rd_kafka_AclBinding_operation(acl),
                    on: rd::rd_kafka_AclBinding_restype(acl),
                    pattern: rd::rd_kafka_AclBinding_resource_pattern_type(acl),
                    name: CStr::from_ptr(rd::rd_kafka_AclBinding_name(acl))
                        .to_string_lossy()
                        .into_owned(),
                }
            };
            (0..count).map(right).collect()
        }
    }

    /// For both of SCRAM's mechanisms.
    pub fn set_scram_password(&self, user: &str, password: &str) {
        let c_user = CString::new(user).expect("no zero");
        for mechanism in [
            rd::rd_kafka_ScramMechanism_t::RD_KAFKA_SCRAM_MECHANISM_SHA_256,
            rd::rd_kafka_ScramMechanism_t::RD_KAFKA_SCRAM_MECHANISM_SHA_512,
        ] {
            self.ask(|client, queue| unsafe {
                let mut change = [rd::rd_kafka_UserScramCredentialUpsertion_new(
                    c_user.as_ptr(),
                    mechanism,
                    4096,
                    password.as_ptr(),
                    password.len(),
                    null_mut(),
                    0,
                )];
                rd::rd_kafka_AlterUserScramCredentials(
                    client,
                    change.as_mut_ptr(),
                    1,
                    null_mut(),
                    queue,
                );
                rd::rd_kafka_UserScramCredentialAlteration_destroy(change[0]);
            });
        }
    }

    /// Asks, and waits for the answer.
    fn ask(&self, ask: impl FnOnce(*mut rd::rd_kafka_t, *mut rd::rd_kafka_queue_t)) -> Event {
        let client = self.0.inner().native_ptr();
        unsafe {
            let queue = rd::rd_kafka_queue_new(client);
            ask(client, queue);
            let event = Event(rd::rd_kafka_queue_poll(queue, WAIT_MS));
            rd::rd_kafka_queue_destroy(queue);
            assert!(!event.0.is_null(), "Kafka answers");
            let said = CStr::from_ptr(rd::rd_kafka_event_error_string(event.0));
            let code = rd::rd_kafka_event_error(event.0);
            assert_eq!(
                code,
                rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
                "{said:?}"
            );
            event
        }
    }
}

struct Event(*mut rd::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        unsafe { rd::rd_kafka_event_destroy(self.0) }
    }
}

type MakeBinding = unsafe extern "C" fn(
    Resource,
    *const std::ffi::c_char,
    Pattern,
    *const std::ffi::c_char,
    *const std::ffi::c_char,
    Operation,
    rd::rd_kafka_AclPermissionType_t,
    *mut std::ffi::c_char,
    usize,
) -> *mut rd::rd_kafka_AclBinding_t;

impl Right {
    unsafe fn binding(&self, make: MakeBinding) -> *mut rd::rd_kafka_AclBinding_t {
        let c_text = |text: &str| CString::new(text).expect("no zero");
        let (name, principal) = (c_text(&self.name), c_text(&self.principal));
        let mut refusal = [0; 256];
        let made = unsafe {
            make(
                self.on,
                name.as_ptr(),
                self.pattern,
                principal.as_ptr(),
                c"*".as_ptr(),
                self.operation,
                rd::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
                refusal.as_mut_ptr(),
                refusal.len(),
            )
        };
        assert!(!made.is_null(), "{self:?}");
        made
    }
}
