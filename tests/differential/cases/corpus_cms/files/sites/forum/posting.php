forum posting.php
